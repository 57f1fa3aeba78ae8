import ArgumentParser
import Foundation
import KuklaCodecs
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives

extension TrainCommand {
    /// `kukla train binary`: vectors in, a codec of recurrent binary codes out.
    struct Binary: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "binary",
            abstract: "Train binary codes for vectors of any model.",
            discussion: """
                Codes of m components and k bits (RBEmxk) begin as random rotations; training makes them keep each vector's neighbours, \
                or with --pairs find each vector's partner. With --compatible-with, queries coded by the new codec also search what the \
                older one has coded: nothing stored needs to be coded again. If training makes nothing better, the rotations are \
                written. `kukla index --codec` takes the file. Five passes at a rate of 3e-4 in batches of 512, where no recipe or \
                flag says otherwise.

                Examples:
                  kukla train binary vectors.npy --code RBE384x2 -o codec.safetensors
                  kukla train binary questions.npy --pairs answers.npy --code RBE384x4 \\
                      -o codec.safetensors
                  kukla train binary new.npy --compatible-with old.safetensors \\
                      --older-vectors old.npy -o new.safetensors
                """)

        @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
        var vectors: String

        @Option(name: .shortAndLong, help: "The codec file to write (safetensors).")
        var output: String

        @Option(help: "The code: RBEmxk, m components of k bits (as many components as dimensions, 2 bits).")
        var code: String?

        @Option(help: "Vectors that belong to the vectors, row by row.")
        var pairs: String?

        @Option(help: "The older codec's file, whose codes new queries must find.")
        var compatibleWith: String?

        @Option(
            help:
                "What the older codec takes of each row (of the pairs, where there are some); the same vectors where left out."
        )
        var olderVectors: String?

        @Option(help: "What is minimised: distillation or contrastive (contrastive with --pairs).")
        var loss: String?

        @Option(help: "What cosines are divided by (0.05).")
        var temperature: Float?

        @Option(help: "Hidden numbers of a branch beside each linear map; 0 for none (0).")
        var width: Int?

        @Option(help: "Vectors that are kept to judge by (500).")
        var heldOut: Int?

        @OptionGroup var steering: Steering
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            let recipe = try chosenRecipe()
            let beginning = try steering.beginning()
            let progress = reporting.progress
            progress.begin("Reading", total: nil, unit: "vectors")
            let examples = try readExamples()
            progress.end()
            let configuration = try CodecConfiguration(
                parsing: code ?? "RBE\(examples.vectors.columns)x2")
            let target = URL(fileURLWithPath: output)
            let folder = steering.folder(for: target)
            let result = try BinaryTraining(output: target, runFolder: folder)(
                examples, configuration: configuration, recipe: recipe,
                beginning: beginning, progress: progress,
                isCancelled: Interrupt.waitingForTheStep())
            try report(result, folder: folder)
        }

        private func readExamples() throws(KuklaError) -> BinaryTraining.Examples {
            func read(_ path: String) throws(KuklaError) -> Matrix {
                try VectorSample(of: URL(fileURLWithPath: path), limit: .max, seed: 1).vectors
            }
            let all = try read(vectors)
            let partners = try pairs.map(read)
            guard let compatibleWith else {
                if olderVectors != nil {
                    throw KuklaError(
                        .usage,
                        "--older-vectors is given without --compatible-with: expected the older codec.")
                }
                return try BinaryTraining.Examples(vectors: all, partners: partners)
            }
            let url = URL(fileURLWithPath: compatibleWith)
            guard let older = try CodecFile.read(url) as? RecurrentBinaryCodec else {
                throw KuklaError(
                    .usage,
                    "Cannot be compatible with \(url.path): expected a codec that 'kukla train binary' wrote."
                )
            }
            let olderRows = try olderVectors.map(read) ?? partners ?? all
            return try BinaryTraining.Examples(vectors: all, partners: partners, older: (older, olderRows))
        }

        /// The method's defaults, changed by the recipe's file, then by flags.
        private func chosenRecipe() throws(KuklaError) -> Recipe<BinaryOptions> {
            var result = try steering.recipe(BinaryOptions.recipe)
            if let loss {
                guard let known = BinaryOptions.Loss(rawValue: loss) else {
                    throw KuklaError(
                        .usage, "Unknown --loss \(loss): expected distillation or contrastive.")
                }
                result.options.loss = known
            }
            if let temperature { result.options.temperature = temperature }
            if let width { result.options.width = width }
            if let heldOut { result.options.heldOut = heldOut }
            return try result.checked()
        }

        private func report(_ result: BinaryTraining.Result, folder: URL) throws {
            let (summary, codec) = (result.summary, result.codec)
            if result.keptInitial {
                complain("Training made nothing better: the codec is the one that it began with.")
            }
            if reporting.json {
                var report = TrainCommand.Report(
                    output: output, run: folder, examples: result.examples, before: result.before,
                    after: result.after, summary)
                report.code = codec.configuration.description
                report.bytesPerVector = codec.layout.bytesPerVector
                report.keptInitial = result.keptInitial
                return try printJSON(report)
            }
            TrainCommand.printChanges(from: result.before, to: result.after)
            if !reporting.quiet {
                note(
                    "\(output): \(codec.configuration), \(Quantity.bytesPerVector(codec.layout.bytesPerVector)) bytes each; \(Quantity.count(summary.step)) steps on \(Quantity.count(result.examples)) vectors in \(formatDuration(summary.seconds))"
                )
            }
        }
    }
}
