import Foundation
import KuklaFormats
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// An encoder whose dimensions have names, as it is trained: `e(x) = relu(W h(x) + b + threshold)`, h a text encoder.
///
/// `W h + b` are the concepts' logits: a dimension is active where its concept is believed with more than
/// `sigmoid(-threshold)`. Values are never negative, so that no absence explains a match.
/// *Source:* Bogdanova and Yazdani 2017, "SESA: supervised explicit semantic analysis", arXiv:1708.03246.
public struct ConceptEncoder: Module {
    /// What reads a text.
    public enum Backbone: Sendable {
        case recurrent(RecurrentTextEncoder)
        case transformer(TextEncoderModule)

        var dimensions: Int {
            switch self {
            case .recurrent(let encoder): encoder.dimensions
            case .transformer(let encoder): encoder.dimensions
            }
        }

        /// The vectors of texts, `[batch.count, dimensions]`.
        func callAsFunction(_ batch: TokenBatch, mode: ForwardMode) -> Tensor {
            switch self {
            case .recurrent(let encoder): encoder(batch, mode: mode)
            case .transformer(let encoder): encoder(batch, mode: mode)
            }
        }
    }

    public let backbone: Backbone
    /// `[concepts, dimensions]`.
    let head: Linear
    /// What logits are raised by before what is below 0 is cut off.
    public let threshold: Float
    /// Whether values below 0 are cut off; without it dimensions are those of a latent twin.
    public let isRectified: Bool
    /// Logarithm of the scale, and offset, of the relevance `sigmoid(scale * cosine + offset)`.
    package let relevance: Parameter

    /// A head of random rows, or of the concepts' own texts as the backbone reads them.
    ///
    /// - Parameter texts: a text for each concept; random rows without.
    public init(
        _ backbone: Backbone, concepts: Int, texts: TokenBatch? = nil, threshold: Float = 3,
        isRectified: Bool = true, using random: inout RandomSource
    ) {
        contract(
            texts.map { $0.count == concepts } ?? true,
            "ConceptEncoder: \(texts?.count ?? 0) texts for \(concepts) concepts")
        self.backbone = backbone
        self.threshold = threshold
        self.isRectified = isRectified
        relevance = Parameter(Tensor([Float(5).logarithm, -2.5]))
        // A concept is a rare thing to begin with.
        let bias = Tensor.full([concepts], isRectified ? -Float(max(concepts - 1, 1)).logarithm : 0)
        if let texts {
            // A transformer's vectors have length 1: rows this long make logits of cosines.
            let length: Float = if case .transformer = backbone { 10 } else { 1 }
            // What all names have in common tells none of them apart.
            let rows = withoutGradient {
                let own = backbone(texts, mode: .inference)
                return (own - own.mean(axes: [0], keepingAxes: true)).normalized()
            }
            head = Linear(weight: rows * length, bias: bias)
        } else {
            let bound = 1 / Float(backbone.dimensions).squareRoot()
            head = Linear(
                weight: .uniform([concepts, backbone.dimensions], in: -bound...bound, using: &random),
                bias: bias)
        }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        switch backbone {
        case .recurrent(let encoder): visitor.visit("encoder", encoder)
        case .transformer(let encoder): visitor.visit("encoder", encoder)
        }
        visitor.visit("head", head)
        visitor.visit("relevance", relevance)
    }

    public var conceptCount: Int { head.outputDimensions }

    /// The concepts' logits, `[batch.count, concepts]`.
    public func logits(_ batch: TokenBatch, mode: ForwardMode = .inference) -> Tensor {
        head(backbone(batch, mode: mode))
    }

    /// The vectors of logits.
    public func activations(_ logits: Tensor) -> Tensor {
        isRectified ? (logits + threshold).relu() : logits
    }

    /// The vectors of texts without recording, in batches of about equal length: `[batch.count, concepts]`, not normalised.
    public func vectors(_ batch: TokenBatch) -> Matrix {
        batch.inBatches(columns: conceptCount) { part in withoutGradient { activations(logits(part)) } }
    }
}

extension Float {
    var logarithm: Float { Float(log(Double(self))) }
}

extension TokenBatch {
    /// What `body` makes of all texts, a row each, 4,096 tokens of about equally long texts at a time.
    func inBatches(columns: Int, _ body: (TokenBatch) -> Tensor) -> Matrix {
        let lengths = (0..<count).map { self[$0].count }
        let order = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        return Matrix(rows: count, columns: columns) { out in
            var start = 0
            while start < order.count {
                var (end, tokens) = (start, 0)
                while end < order.count, end == start || tokens + lengths[order[end]] <= 4_096 {
                    tokens += lengths[order[end]]
                    end += 1
                }
                let texts = order[start..<end]
                body(selecting(texts)).withUnsafeBufferPointer { rows in
                    for (row, text) in texts.enumerated() {
                        for i in 0..<columns { out[text * columns + i] = rows[row * columns + i] }
                    }
                }
                start = end
            }
        }
    }
}
