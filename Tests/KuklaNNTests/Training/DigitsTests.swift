import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

/// Real data from recipe to best weights: 1,797 handwritten digits of 8 x 8 pixels.
@Suite struct DigitsTests {
    private struct Classifier: TrainingTask {
        let model: MLP
        let pixels: [Float]
        let labels: [Int32]
        /// Every fifth digit is not trained on.
        let trained: [Int]
        let held: [Int]

        struct Batch: Sendable {
            let pixels: Tensor
            let labels: [Int32]
        }

        init(_ url: URL) throws {
            let text = try LineReader(url)
            var pixels: [Float] = []
            var labels: [Int32] = []
            while let line = try text.nextString() {
                let numbers = line.split(separator: ",").compactMap { Float($0) }
                try #require(numbers.count == 65)
                pixels += numbers.dropLast().map { $0 / 16 }
                labels.append(Int32(numbers[64]))
            }
            (self.pixels, self.labels) = (pixels, labels)
            trained = labels.indices.filter { !$0.isMultiple(of: 5) }
            held = labels.indices.filter { $0.isMultiple(of: 5) }
            var random = RandomSource(seed: 1)
            model = MLP([64, 64, 10], activation: .relu, using: &random)
        }

        var exampleCount: Int { trained.count }
        var goal: MetricGoal? { MetricGoal("accuracy", .max) }

        func batch(_ rows: [Int]) -> Batch {
            Batch(
                pixels: Tensor(
                    shape: [rows.count, 64], elements: rows.flatMap { pixels[$0 * 64..<($0 + 1) * 64] }),
                labels: rows.map { labels[$0] })
        }

        func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
            batch(indices.map { trained[$0] })
        }

        func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
            // The gradient of softmax with cross-entropy is known: probabilities less truth.
            let scores = model(batch.pixels, mode: mode)
            let rows = batch.labels.count
            var slopes = scores.elements
            var loss: Float = 0
            for row in 0..<rows {
                let own = row * 10..<(row + 1) * 10
                let largest = slopes[own].max() ?? 0
                for i in own { slopes[i] = exp(slopes[i] - largest) }
                let sum = slopes[own].reduce(0, +)
                for i in own { slopes[i] /= sum * Float(rows) }
                let truth = row * 10 + Int(batch.labels[row])
                loss -= log(slopes[truth] * Float(rows)) / Float(rows)
                slopes[truth] -= 1 / Float(rows)
            }
            let seed = Tensor(shape: scores.shape, elements: slopes)
            return TrainingStep(
                losses: [.init("cross_entropy", loss)], gradients: scores.gradients(seed: seed))
        }

        func evaluate() -> [String: Double] {
            let batch = batch(held)
            let scores = model(batch.pixels).elements
            let right = batch.labels.indices.count { row in
                let own = scores[row * 10..<(row + 1) * 10]
                return own.max() == own[own.startIndex + Int(batch.labels[row])]
            }
            return ["accuracy": Double(right) / Double(held.count)]
        }
    }

    @Test(.enabled(if: SharedData.has("digits/digits.csv.gz")))
    func `a small network learns to read digits`() throws {
        let url = try #require(SharedData.url("digits/digits.csv.gz"))
        var recipe = Recipe(options: NoOptions())
        try recipe.read(
            yaml: """
                epochs: 15
                learning_rate: 0.005
                weight_decay: 0.01
                schedule: {name: cosine, warmup_fraction: 0.1}
                early_stopping: {patience: 8}
                """)
        let folder = try TemporaryFolder()
        let run = try TrainingRun(folder.url, recipe: recipe)
        let task = try Classifier(url)
        let summary = try run.train(task)
        // 0.975 with these seeds.
        #expect(summary.best?.value ?? 0 > 0.96 && summary.best?.value ?? 1 < 0.995)
        try run.loadBest(into: task.model)
        #expect(task.evaluate()["accuracy"] == summary.best?.value)
    }
}
