public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// BERT's head for hidden words: `norm(gelu(W x + b)) E' + c`, `E` being the encoder's own table of words.
///
/// *Shapes:* `x [n, d]` with any d up to the width: the leading d columns of `W` are then used, so that one head reads every size
/// of a model (Starbucks). At the whole width it is BERT's.
/// *Source:* Devlin et al. 2019, doi:10.18653/v1/N19-1423; Zhuang et al. 2024, arXiv:2410.13230.
public struct MaskedLanguageHead: Module {
    public let dense: Linear
    public let norm: LayerNorm
    /// A number for each word.
    public let bias: Parameter

    /// Weights as BERT begins.
    public init(width: Int, vocabulary: Int, epsilon: Float = 1e-12, using random: inout RandomSource) {
        dense = Linear(
            weight: .truncatedNormal([width, width], deviation: 0.02, using: &random), bias: .zeros([width]))
        norm = LayerNorm(width, epsilon: epsilon)
        bias = Parameter(.zeros([vocabulary]))
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("transform.dense", dense)
        visitor.visit("transform.LayerNorm", norm)
        visitor.visit("bias", bias)
    }

    /// What is held against the words: `[n, d]` becomes `[n, width]`.
    public func transform(_ x: Tensor) -> Tensor {
        let weight = dense.weight.tensor
        let d = x.shape[1]
        contract(d <= weight.shape[1], "MaskedLanguageHead: \(d) columns for a width of \(weight.shape[1])")
        return norm(
            x.linear(
                d < weight.shape[1] ? weight.slice(axis: 1, 0..<d) : weight, dense.bias?.tensor,
                activation: .gelu))
    }

    /// The logits of all words, `[n, vocabulary]`, of what `transform` gave.
    public func logits(_ transformed: Tensor, words: Tensor) -> Tensor {
        transformed.linear(words, bias.tensor)
    }

    /// The mean cross-entropy of the words that were hidden, of what `transform` gave; the logits of all are never held at once.
    public func loss(_ transformed: Tensor, words: Tensor, targets: [Int32]) -> Tensor {
        transformed.linearCrossEntropy(table: words, bias: bias.tensor, targets: targets)
    }
}
