public import KuklaNumerics

/// The key `lora`: low-rank adapters around linear layers, which are trained in place of the layers themselves.
///
/// *Source:* Hu et al. 2021, "LoRA: low-rank adaptation of large language models", arXiv:2106.09685.
public struct AdapterSettings: RecipePart {
    /// Columns of the two thin matrices.
    public var rank = 8
    /// The adapter's output is scaled by `alpha / rank`.
    public var alpha: Float = 16
    /// Dropout before the adapter.
    public var dropout: Float = 0
    /// Patterns of paths of the linear layers that get one; empty for the method's choice.
    public var targets: [String] = []

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("rank", &rank, .atLeast(1))
        try fields.field("alpha", &alpha, .positive)
        try fields.field("dropout", &dropout, .belowOne)
        try fields.field("targets", &targets)
    }
}
