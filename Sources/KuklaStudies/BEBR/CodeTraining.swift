import Foundation
import KuklaCodecs
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor

/// Trains codes as `kukla train binary` does, in a folder that is gone afterwards.
struct CodeTraining {
    let bench: StudyBench

    private func recipe(_ seed: UInt64, batchSize: Int, of count: Int) -> Recipe<BinaryOptions> {
        var recipe = BinaryOptions.recipe
        recipe.training.seed = seed
        recipe.training.length = .epochs(bench.choose(quick: 1, full: 5))
        recipe.training.batchSize = bench.choose(quick: 32, full: batchSize)
        recipe.training.threads = bench.threads
        recipe.options.heldOut = bench.choose(quick: 20, full: min(500, count / 4))
        return recipe
    }

    /// - Parameter batchSize: 128 is the paper's, 512 the command's.
    func callAsFunction(
        _ examples: BinaryTraining.Examples, _ code: String, seed: UInt64, batchSize: Int = 512
    ) throws(KuklaError) -> BinaryTraining.Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bebr-\(UUID())")
        // Where it cannot be made, training says so.
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try BinaryTraining(
            output: folder.appending(path: "codec.safetensors"), runFolder: folder.appending(path: "run"))(
                examples, configuration: CodecConfiguration(parsing: code),
                recipe: recipe(seed, batchSize: batchSize, of: examples.vectors.rows))
    }

    /// A linear head for floats, from the identity, by the same loss on the same pairs for as many steps: a ceiling.
    func floatHead(_ pairs: TextPairs, seed: UInt64) -> Linear {
        let (batch, d) = (bench.choose(quick: 32, full: 128), pairs.questions.columns)
        let head = Linear(weight: .identity(d))
        var optimizer = Optimizer(AdamW(), for: head, weightDecay: 0)
        let loss = HardestNegativesLoss()
        var random = RandomSource(seed: seed)
        for _ in 0..<bench.choose(quick: 1, full: 5) {
            let order = random.sample(pairs.questions.rows, below: pairs.questions.rows)
            for start in stride(from: 0, through: order.count - batch, by: batch) {
                let rows = order[start..<start + batch]
                let answers = Tensor(pairs.answers.gathering(rows: rows))
                let alike = answers.matmul(answers, transposingOther: true)
                let value = loss(
                    head(Tensor(pairs.questions.gathering(rows: rows))), head(answers),
                    twins: alike.map { $0 > 0.9999 ? 1 : 0 })
                optimizer.update(value.gradients(), learningRate: 3e-4)
            }
        }
        return head
    }
}
