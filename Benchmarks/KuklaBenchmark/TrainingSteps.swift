import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// Our side of `Benchmarks/peers/training.py`: the same models and batches, one optimizer step at a time.
enum TrainingSteps {
    /// A step of the model that `words` name; each call takes one and returns the loss.
    static func step(_ words: [String]) throws -> () -> Float {
        switch words.first {
        case "encoder" where words.count == 3:
            try encoder(
                folder: URL(fileURLWithPath: words[1]),
                lengths: words[2].split(separator: ",").compactMap { Int($0) })
        case "elastic" where words.count == 4:
            try elastic(
                folder: URL(fileURLWithPath: words[1]), pairs: URL(fileURLWithPath: words[2]),
                recipe: words[3])
        case "decoder": decoder()
        case "mlp": mlp()
        case "convolution": convolution()
        case "click": click()
        default: throw KuklaBenchmark.usage
        }
    }

    private static func step(
        _ model: some Module, _ rule: any UpdateRule, rate: Float, weightDecay: Float = 0,
        _ loss: @escaping () -> Tensor
    ) -> () -> Float {
        var optimizer = Optimizer(rule, for: model, weightDecay: weightDecay)
        return {
            let loss = loss()
            optimizer.update(loss.gradients(), learningRate: rate)
            return loss.item
        }
    }

    private static func ids(_ count: Int, below bound: Int, _ random: inout RandomSource) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &random) }
    }

    /// The real MiniLM with its dropout; 32 pairs of texts, in-batch negatives, AdamW.
    private static func encoder(folder: URL, lengths: [Int]) throws -> () -> Float {
        var random = RandomSource(seed: 1)
        let model = try TextEncoderModule(
            folder: folder, dropout: TextEncoderModule.DropoutRates(hidden: 0.1, attention: 0.1))
        var batch = TokenBatch()
        batch.ids = ids(lengths.reduce(0, +), below: 30_000, &random)
        batch.offsets = SequenceLengths(lengths).offsets
        let mode = ForwardMode.training(RandomStream(random))
        let loss = MultipleNegativesRankingLoss()
        let pairs = lengths.count / 2
        return step(model, AdamW(), rate: 2e-5, weightDecay: 0.01) {
            let vectors = model(batch, mode: mode)
            return loss([vectors[rows: 0..<pairs], vectors[rows: pairs..<2 * pairs]], scores: [])
        }
    }

    /// The real MiniLM with its dropout; batches of 64 pairs in turn, in-batch negatives at several sizes, AdamW.
    private static func elastic(folder: URL, pairs: URL, recipe: String) throws -> () -> Float {
        let model = try TextEncoderModule(folder: folder)
        let full = ModelSize(layers: model.layerCount, dimensions: model.dimensions)
        let base = MultipleNegativesRankingLoss()
        let dimensions = (0..<7).map { full.dimensions >> $0 }
        let loss: any LayeredLoss =
            switch recipe {
            case "plain": WholeModelLoss(base, layers: full.layers)
            case "mrl":
                WholeModelLoss(MatryoshkaLoss(base, dimensions: dimensions), layers: full.layers)
            case "2dmse":
                Matryoshka2DLoss(
                    base, full: full, layers: Array(1..<full.layers), dimensions: Array(dimensions[1...]))
            case "starbucks":
                StarbucksLoss(
                    base,
                    sizes: zip(1...6, [16, 32, 64, 128, 256, 384]).map {
                        ModelSize(layers: $0, dimensions: $1)
                    })
            default: throw KuklaBenchmark.usage
            }
        let examples = TextExamples(
            rows: try TextTuples.readAll(pairs).rows, tokenizer: try WordPieceTokenizer(folder: folder),
            maximumLength: model.maximumLength)
        let task = EncoderTask(model: model, examples: examples, loss: loss, needsDistinctTexts: false)
        var random = RandomSource(seed: 1)
        let batches = stride(from: 0, to: examples.count, by: 64).map { start in
            task.makeBatch(Array(start..<min(start + 64, examples.count)), random: &random)
        }
        let mode = ForwardMode.training(RandomStream(random))
        var optimizer = Optimizer(AdamW(), for: model, weightDecay: 0.01)
        var turn = 0
        return {
            let step = task.step(on: batches[turn % batches.count], mode: mode)
            turn += 1
            optimizer.update(step.gradients, learningRate: 2e-5)
            return Float(step.total)
        }
    }

    /// Bytes, learned positions, norms before, a tied head; AdamW.
    private static func decoder(batch: Int = 16, context: Int = 256) -> () -> Float {
        var random = RandomSource(seed: 1)
        let model = TransformerDecoder(
            TransformerConfiguration(
                width: 256, layers: 4, heads: 8, positions: .learned(count: context), pattern: .causal,
                hasFusedProjections: true),
            vocabulary: 256, using: &random)
        let lengths = SequenceLengths.uniform(count: batch, length: context)
        let inputs = ids(batch * context, below: 256, &random)
        let targets = ids(batch * context, below: 256, &random)
        return step(model, AdamW(), rate: 3e-4, weightDecay: 0.01) {
            model(inputs, lengths: lengths).crossEntropy(targets: targets)
        }
    }

    private static func mlp(batch: Int = 1024) -> () -> Float {
        var random = RandomSource(seed: 1)
        let model = MLP([384, 384, 128], activation: .relu, using: &random)
        let x = Tensor.normal([batch, 384], using: &random)
        let targets = ids(batch, below: 128, &random)
        return step(model, Adam(), rate: 1e-3) { model(x).crossEntropy(targets: targets) }
    }

    private struct ConvolutionNet: Module {
        let first, second: Convolution
        let head: MLP

        init(_ random: inout RandomSource) {
            first = Convolution(1, 32, window: [3, 3], padding: 1, using: &random)
            second = Convolution(32, 64, window: [3, 3], padding: 1, using: &random)
            head = MLP([3136, 128, 10], activation: .relu, using: &random)
        }

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("first", first)
            visitor.visit("second", second)
            visitor.visit("head", head)
        }

        func callAsFunction(_ x: Tensor) -> Tensor {
            let x = first(x).relu().maxPool(window: 2)
            return head(second(x).relu().maxPool(window: 2).reshaped([x.shape[0], -1]))
        }
    }

    private static func convolution(batch: Int = 128) -> () -> Float {
        var random = RandomSource(seed: 1)
        let model = ConvolutionNet(&random)
        let x = Tensor.normal([batch, 1, 28, 28], using: &random)
        let targets = ids(batch, below: 10, &random)
        return step(model, Adam(), rate: 1e-3) { model(x).crossEntropy(targets: targets) }
    }

    private struct ClickModel: Module {
        let table: Embedding
        let head: MLP

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("table", table)
            visitor.visit("head", head)
        }
    }

    /// 26 fields of 100,000 rows in one table, ids by Zipf's law with exponent 1.2, eight batches in turn.
    private static func click(batch: Int = 4096, fields: Int = 26, rows: Int = 100_000) -> () -> Float {
        var random = RandomSource(seed: 1)
        let model = ClickModel(
            table: Embedding(fields * rows, 16, using: &random),
            head: MLP([fields * 16, 256, 64, 1], activation: .relu, using: &random))
        let batches = (0..<8).map { _ in
            (0..<batch * fields).map { Int32(min(random.zipf(1.2), rows) - 1 + $0 % fields * rows) }
        }
        let clicks = Tensor(shape: [batch]) { for i in $0.indices { $0[i] = random.uniform() < 0.5 ? 0 : 1 } }
        var turn = 0
        return step(model, Adam(), rate: 1e-3) {
            turn += 1
            let x = model.table(batches[turn % batches.count]).reshaped([batch, fields * 16])
            return model.head(x).reshaped([batch]).binaryCrossEntropy(targets: clicks)
        }
    }
}

extension RandomSource {
    /// A number of 1, 2, ... with probability proportional to its power `-exponent` (> 1), by Devroye's rejection
    /// ("Non-uniform random variate generation", 1986, chapter X.6), as numpy draws it.
    mutating func zipf(_ exponent: Double) -> Int {
        let b = pow(2, exponent - 1)
        while true {
            let u = 1 - Double(uniform())
            let x = pow(u, -1 / (exponent - 1)).rounded(.down)
            guard x < 9e15 else { continue }
            let t = pow(1 + 1 / x, exponent - 1)
            if Double(uniform()) * x * (t - 1) / (b - 1) <= t / b { return Int(x) }
        }
    }
}
