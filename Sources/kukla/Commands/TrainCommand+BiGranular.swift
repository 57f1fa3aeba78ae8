import ArgumentParser
import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// `kukla train bidr`: vectors of queries and documents in, a codec that finds candidates and one that ranks them out.
    struct BiGranular: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "bidr",
            abstract: "Train small codes that find candidates, and vectors on disk that rank them.",
            discussion: """
                Learns from queries and the documents that answer them, over vectors of any model: first a head on random negatives, \
                then product codes of it, then a second head on what these codes rank high. Writes coarse.safetensors \
                (HEADd,OPQm,PQm) and fine.safetensors (HEADd,F32) to the output folder; `kukla index --codec --fine-codec` takes \
                them, and searches then go through the right head by themselves. Twenty passes a stage at a rate of 1e-3 in batches of \
                64, where no recipe or flag says otherwise.

                Examples:
                  kukla train bidr --queries q.npy --documents d.npy --pairs pairs.tsv \\
                      --code-bytes 24 -o heads
                  kukla index d.npy --codec heads/coarse.safetensors \\
                      --fine-codec heads/fine.safetensors -o d.kukla
                """)

        @Option(help: "The queries' vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
        var queries: String

        @Option(help: "The documents' vectors.")
        var documents: String

        @Option(
            help:
                "Which documents answer which queries: lines of two row numbers from 0, query and document. Row by row where left out."
        )
        var pairs: String?

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        @Option(help: "Bytes of a code (24); divides the dimensions.")
        var codeBytes: Int?

        @Option(help: "What cosines are divided by (0.05).")
        var temperature: Float?

        @Option(help: "Documents that codes rank highest, from which negatives are drawn (200).")
        var candidates: Int?

        @Option(
            help:
                "How batches of the last stage are gathered: random_walk, snow_sample or shuffled (snow_sample)."
        )
        var walk: String?

        @Option(help: "Queries that are kept to judge by (80).")
        var heldOut: Int?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            let recipe = try chosenRecipe()
            let beginning = try steering.beginning()
            let target = URL(fileURLWithPath: output)
            let folder = steering.folder(for: target)
            let examples = try readExamples()
            let training = try BiGranularTraining(
                examples, recipe: recipe, runFolder: folder, beginning: beginning,
                progress: reporting.progress, isCancelled: Interrupt.waitingForTheStep())
            let result = try training()
            do {
                try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            } catch {
                throw KuklaError(.inputOutput, "Cannot make the folder \(output).", cause: error)
            }
            try CodecFile.write(result.coarse, to: target.appending(path: "coarse.safetensors"))
            try CodecFile.write(result.fine, to: target.appending(path: "fine.safetensors"))
            try report(result, folder: folder)
        }

        private func readExamples() throws -> BiGranularTraining.Examples {
            let questions = try VectorFile.readAll(URL(fileURLWithPath: queries))
            let texts = try VectorFile.readAll(URL(fileURLWithPath: documents))
            var answers = [[Int]](repeating: [], count: questions.rows)
            if let pairs {
                let lines = try LineReader(URL(fileURLWithPath: pairs))
                while let line = try lines.nextString() {
                    let numbers = line.split(whereSeparator: \.isWhitespace).map { Int($0) }
                    guard numbers.count == 2, let query = numbers[0], let document = numbers[1],
                        answers.indices.contains(query), (0..<texts.rows).contains(document)
                    else {
                        throw lines.failure(
                            "expected the rows of a query (below \(questions.rows)) and a document (below \(texts.rows)), found '\(line)'"
                        )
                    }
                    answers[query].append(document)
                }
            } else {
                guard questions.rows <= texts.rows else {
                    throw KuklaError(
                        .badData,
                        "\(queries) has \(questions.rows) rows and \(documents) \(texts.rows): give --pairs where they do not belong together row by row."
                    )
                }
                for row in answers.indices { answers[row] = [row] }
            }
            return try BiGranularTraining.Examples(queries: questions, documents: texts, answers: answers)
        }

        private func chosenRecipe() throws(KuklaError) -> Recipe<BiGranularOptions> {
            var result = try steering.recipe(BiGranularOptions.recipe)
            if let codeBytes { result.options.codeBytes = codeBytes }
            if let temperature { result.options.temperature = temperature }
            if let candidates { result.options.candidates = candidates }
            if let heldOut { result.options.heldOut = heldOut }
            if let walk {
                guard let known = LocalityCentricSampler.Walk(rawValue: walk) else {
                    throw KuklaError(
                        .usage,
                        "Unknown --walk \(walk): expected random_walk, snow_sample or shuffled.")
                }
                result.options.walk = known
            }
            return try result.checked()
        }

        private struct Report: Encodable {
            struct Stage: Encodable {
                let metric: String
                let before: Double
                let after: Double
                let steps: Int
                let seconds: Double
            }

            let schemaVersion = 1
            let output: String
            let run: String
            let coarse: String
            let fine: String
            let bytesPerVector: Double
            let fileBytesPerVector: Double
            let stages: [String: Stage]
        }

        private func report(_ result: BiGranularTraining.Result, folder: URL) throws {
            let stages = [
                ("global", "ndcg_at_10", result.global), ("codes", "recall_at_100", result.codes),
                ("local", "ndcg_at_10", result.local),
            ]
            if reporting.json {
                return try printJSON(
                    Report(
                        output: output, run: folder.path, coarse: result.coarse.configuration.description,
                        fine: result.fine.configuration.description,
                        bytesPerVector: result.coarse.layout.bytesPerVector,
                        fileBytesPerVector: result.fine.layout.bytesPerVector,
                        stages: Dictionary(
                            uniqueKeysWithValues: stages.map { name, metric, stage in
                                (
                                    name,
                                    Report.Stage(
                                        metric: metric, before: stage.before, after: stage.after,
                                        steps: stage.summary.step, seconds: stage.summary.seconds)
                                )
                            })))
            }
            for (name, metric, stage) in stages {
                TrainCommand.printChanges(from: [metric: stage.before], to: [metric: stage.after], of: name)
            }
            if !reporting.quiet {
                note(
                    "\(output): \(result.coarse.configuration), \(Quantity.bytesPerVector(result.coarse.layout.bytesPerVector)) bytes each in memory; \(result.fine.configuration), \(Quantity.bytesPerVector(result.fine.layout.bytesPerVector)) on disk"
                )
            }
        }
    }
}
