import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor

/// A small convolutional network from pictures to embeddings of 64 components, with classifiers over some prefixes.
struct CharacterNetwork: Module {
    static let dimensions = 64

    let body: Sequential
    let head: MatryoshkaHead

    init(sizes: [Int], kind: MatryoshkaHead.Kind, classes: Int, seed: UInt64) {
        var random = RandomSource(seed: seed)
        var layers: [any Layer] = []
        var channels = 1
        // 35 pixels a side, then 18, 9 and 5.
        for width in [32, 64, 64] {
            layers += [
                Convolution(
                    channels, width, window: [3, 3], stride: 2, padding: 1, bias: false, using: &random),
                BatchNorm(width), Function { $0.activated(.relu) },
            ]
            channels = width
        }
        layers += [
            Function { $0.reshaped([$0.shape[0], -1]) },
            Linear(channels * 25, Self.dimensions, using: &random),
        ]
        body = Sequential(layers)
        head = MatryoshkaHead(kind: kind, dimensions: sizes, classes: classes, using: &random)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("body", body)
        visitor.visit("head", head)
    }

    func callAsFunction(_ pictures: Tensor, mode: ForwardMode) -> Tensor {
        let side = HandwrittenCharacters.side
        return body(pictures.reshaped([pictures.shape[0], 1, side, side]), mode: mode)
    }

    /// The embeddings of all pictures, `[pictures, 64]`.
    func embed(_ pictures: Matrix, threads: Int) -> Matrix {
        TensorThreads.limited(to: threads) {
            let blocks = stride(from: 0, to: pictures.rows, by: 256).map { start in
                withoutGradient {
                    self(Tensor(pictures[rows: start..<min(start + 256, pictures.rows)]), mode: .inference)
                }
            }
            return Tensor.concatenated(blocks, axis: 0).matrix
        }
    }
}

/// Training of the network to tell characters apart.
struct CharacterTask: TrainingTask {
    struct Batch: Sendable {
        let pictures: Tensor
        let classes: [Int32]
    }

    let model: CharacterNetwork
    let examples: HandwrittenCharacters

    var exampleCount: Int { examples.classes.count }

    func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        Batch(
            pictures: Tensor(examples.pictures.gathering(rows: indices)),
            classes: indices.map { examples.classes[$0] })
    }

    func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        TrainingStep(
            "cross_entropy", model.head.loss(model(batch.pictures, mode: mode), classes: batch.classes))
    }
}
