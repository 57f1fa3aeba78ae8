import KuklaNumerics

/// The heads of an attention: `heads` for queries, `keyValueHeads` for keys and values, all of `headDimensions`.
///
/// Head h of the queries meets head `h / (heads / keyValueHeads)` of the keys (grouped queries; multi-query attention has
/// one key head). *Source:* Ainslie et al. 2023, "GQA", arXiv:2305.13245.
public struct AttentionShape: Sendable, Hashable {
    public let heads: Int
    public let keyValueHeads: Int
    public let headDimensions: Int

    public init(heads: Int, keyValueHeads: Int? = nil, headDimensions: Int) {
        self.heads = heads
        self.keyValueHeads = keyValueHeads ?? heads
        self.headDimensions = headDimensions
        contract(
            heads > 0 && headDimensions > 0 && self.keyValueHeads > 0 && heads % self.keyValueHeads == 0,
            "AttentionShape: \(heads) heads, \(self.keyValueHeads) key heads, \(headDimensions) dimensions: the key heads must divide the heads"
        )
    }

    /// Columns of the queries and of the result.
    public var queryWidth: Int { heads * headDimensions }
    /// Columns of the keys, and of the values.
    public var keyWidth: Int { keyValueHeads * headDimensions }
    /// Columns of queries, keys and values side by side.
    public var fusedWidth: Int { queryWidth + 2 * keyWidth }
    /// Query heads that share a key head.
    public var group: Int { heads / keyValueHeads }
}
