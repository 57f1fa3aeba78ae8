public import KuklaNN
import KuklaNumerics
import KuklaTensor
public import KuklaText

/// Another loss over any depth and any prefix: each step draws one layer n below the last and one size d below the full, and takes
/// `base(v_N) + base(v_n) + base(v_N[:d]) + base(v_n[:d])`, all weights 1, and the alignment of v_n to v_N.
///
/// Layer and size are drawn once for a batch. The encoder runs once; `v_n` is pooled like `v_N`, without a head of its own. Without
/// random numbers (`ForwardMode.inference`) the smallest are taken.
/// *Source:* Li et al. 2024, "2D Matryoshka sentence embeddings", arXiv:2402.14776, version 1.
public struct Matryoshka2DLoss: LayeredLoss {
    public let base: any EmbeddingLoss
    /// All layers and components of the model.
    public let full: ModelSize
    /// What a step draws from, rising; all below the full size.
    public let layers, dimensions: [Int]
    public let alignment: Alignment

    public init(
        _ base: any EmbeddingLoss, full: ModelSize, layers: [Int], dimensions: [Int],
        alignment: Alignment = Alignment()
    ) {
        contract(
            !layers.isEmpty && layers.allSatisfy { (1..<full.layers).contains($0) },
            "Matryoshka2DLoss: layers \(layers) of \(full.layers)")
        contract(
            !dimensions.isEmpty && dimensions.allSatisfy { (1..<full.dimensions).contains($0) },
            "Matryoshka2DLoss: sizes \(dimensions) of \(full.dimensions)")
        self.base = base
        self.full = full
        self.layers = layers.sorted()
        self.dimensions = dimensions.sorted()
        self.alignment = alignment
    }

    public var name: String { "matryoshka_2d" }

    public func objective(mode: ForwardMode) -> LayeredObjective {
        let drawn = draw(mode)
        return LayeredObjective(layers: [drawn.layers, full.layers]) { columns, scores in
            let (early, last) = (columns[0], columns[1])
            let losses = [last, early].flatMap {
                [base($0, scores: scores), base($0.leadingComponents(drawn.dimensions), scores: scores)]
            }
            return losses.reduce(alignment(student: early, teacher: last)) { $0 + $1 }
        }
    }

    private func draw(_ mode: ForwardMode) -> ModelSize {
        guard case .training(let stream) = mode else {
            return ModelSize(layers: layers[0], dimensions: dimensions[0])
        }
        return stream.draw { random in
            let layer = layers[Int.random(in: layers.indices, using: &random)]
            return ModelSize(
                layers: layer,
                dimensions: dimensions[Int.random(in: dimensions.indices, using: &random)])
        }
    }
}
