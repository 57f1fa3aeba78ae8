public import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
public import KuklaTables

/// `kukla tables`: models of clicks and ratings over tables of ids, within a budget of bytes.
struct TablesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables",
        abstract: "Train models of clicks and ratings over tables of ids, within a budget of bytes.",
        discussion: """
            A table of rows, a schema that says what its columns are, and out comes a model folder that scores rows:
              kukla tables train ratings.csv --schema schema.yaml -o model
              kukla tables train ratings.csv --schema schema.yaml --table unified \\
                  --budget 0.1 -o small
              kukla tables predict small new.csv -o scores.csv
              kukla tables serve small

            The schema is YAML (docs/tables.md has every key):
              label: {column: rating, positive: ">=4", negative: "<=2"}
              categorical: [user, movie, gender]
              numeric: {age: standardize}
            """,
        subcommands: [
            Train.self, Predict.self, Serve.self, Compress.self, Export.self, Advise.self, Bench.self,
            Methods.self,
        ])

    /// A budget: a share of a float row for each id (0.1), or bytes (64MB).
    struct Budget: ExpressibleByArgument, CustomStringConvertible {
        enum Amount {
            case share(Double)
            case bytes(Int)
        }
        let amount: Amount
        let description: String

        init?(argument: String) {
            description = argument
            if let share = Double(argument) {
                guard share > 0, share <= 1 else { return nil }
                amount = .share(share)
            } else if let quantity = ByteQuantity(argument: argument) {
                amount = .bytes(Int(quantity.bytes))
            } else {
                return nil
            }
        }

        func bytes(for schema: TableSchema) -> Int {
            switch amount {
            case .share(let share): schema.budget(share: share)
            case .bytes(let bytes): bytes
            }
        }
    }

    /// How a table of rows is read.
    struct Reading: ParsableArguments {
        @Option(help: "What the columns mean: YAML.")
        var schema: String

        @Option(help: "Rows that may be bad; the next one ends the run.")
        var maxBadRows = 0

        @Option(help: "Rows to read; all where left out.")
        var rows: Int?

        func validate() throws {
            guard maxBadRows >= 0 else {
                throw ValidationError("--max-bad-rows \(maxBadRows): expected 0 or more.")
            }
            guard rows.map({ $0 > 0 }) ?? true else { throw ValidationError("--rows: expected 1 or more.") }
        }

        func options(_ progress: any ProgressReporter) -> ExampleSet.Options {
            ExampleSet.Options(maximumBadRows: maxBadRows, maximumRows: rows, progress: progress)
        }

        func set(
            _ data: String, validation: String? = nil, test: String? = nil, _ progress: any ProgressReporter
        ) throws(KuklaError) -> ExampleSet {
            let hasParts = validation != nil || test != nil
            var files = [
                ExampleSet.File(URL(fileURLWithPath: data), part: hasParts ? .training : nil)
            ]
            if let validation { files.append(.init(URL(fileURLWithPath: validation), part: .validation)) }
            if let test { files.append(.init(URL(fileURLWithPath: test), part: .test)) }
            return try ExampleSet(
                files, schema: DataSchema(URL(fileURLWithPath: schema)), options: options(progress))
        }
    }

    /// The network over the vectors.
    struct Network: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "The model: "
                    + CTRConfiguration.Kind.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(
                        separator: "; ") + "."))
        var model = CTRConfiguration.Kind.dlrm

        @Option(help: "Widths of the hidden layers.")
        var hidden = NumberList([128, 64])

        @Option(help: "Cross layers of dcn.")
        var crossLayers = 2

        @Option(help: "Dropout behind hidden layers.")
        var dropout: Float = 0

        @Flag(help: "With din: the weights of a history sum to 1, by softmax.")
        var softmaxAttention = false

        @Flag(help: "With din and pooling: PReLU in place of Dice.")
        var prelu = false

        var configuration: CTRConfiguration {
            CTRConfiguration(
                model, hidden: hidden.numbers, crossLayers: crossLayers, dropout: dropout,
                attention: .init(isNormalized: softmaxAttention, usesDice: !prelu))
        }
    }

    /// How a model is trained.
    struct Training: ParsableArguments {
        @Option(help: "Components of a vector.")
        var width = 16

        @Option(help: "Passes over the training rows, at most.")
        var epochs = 30

        @Option(help: "Rows of a batch.")
        var batch = 2048

        @Option(help: "The learning rate.")
        var learningRate: Float = 1e-3

        @Option(help: "The optimizer: adam, adagrad or sgd.")
        var optimizer = TrainerOptions.Rule.adam

        @Option(help: "Looks at the validation rows in each epoch.")
        var checks = 4

        @Option(help: "Looks without a better AUC after which training stops.")
        var patience = 8

        @Option(help: "Mini-batch aware L2 of the vectors; 0: none.")
        var l2: Float = 0

        func options(seed: UInt64) -> TrainerOptions {
            TrainerOptions(
                rule: optimizer, learningRate: learningRate, batchSize: batch, epochs: epochs,
                checksPerEpoch: checks, patience: patience, batchAwareL2: l2, seed: seed)
        }

        func validate() throws {
            guard (1...4096).contains(width) else {
                throw ValidationError("--width \(width): expected 1 to 4096 components.")
            }
        }
    }
}

extension CTRConfiguration.Kind: ExpressibleByArgument {}
extension TrainerOptions.Rule: ExpressibleByArgument {}
