import KuklaNumerics

/// Which keys a query sees, by their places in the sequence; never written out as a matrix.
///
/// A query stands at place `p = keys - queries + i` of the keys (the last query at the last key: new tokens after cached
/// ones). It sees the keys `p - past ... p + future`, and the first `global` keys where these lie before it.
/// For block-diagonal attention give each block as a sequence: `SequenceLengths(segments:)`.
public struct AttentionPattern: Sendable, Hashable {
    /// Keys before the query that are seen; nil: all.
    public var past: Int?
    /// Keys after the query that are seen; nil: all.
    public var future: Int?
    /// First keys of the sequence that later queries see however far they are.
    public var global: Int

    public init(past: Int?, future: Int?, global: Int = 0) {
        contract(
            (past ?? 0) >= 0 && (future ?? 0) >= 0 && global >= 0,
            "AttentionPattern: past \(past ?? 0), future \(future ?? 0), global \(global)")
        self.past = past
        self.future = future
        self.global = global
    }

    /// Every key.
    public static let full = AttentionPattern(past: nil, future: nil)
    /// The key at the query's place and those before it.
    public static let causal = AttentionPattern(past: nil, future: 0)
    /// The key at the query's place and the `width - 1` before it.
    public static func causalWindow(_ width: Int) -> AttentionPattern {
        contract(width > 0, "AttentionPattern: a window of \(width) keys")
        return AttentionPattern(past: width - 1, future: 0)
    }
    /// Keys at most `reach` places away, on both sides.
    public static func window(reach: Int) -> AttentionPattern {
        AttentionPattern(past: reach, future: reach)
    }
    /// The first `global` keys and a causal window.
    ///
    /// The paper's limit of distances: for ALiBi `AttentionBias.byPosition(... reach:)`; for rotary positions with a cache of unturned
    /// keys, position ids that the model knows, given anew as tokens are dropped
    /// (which moves all of them closer: not the paper's score, where only the first tokens are).
    /// *Source:* Han et al. 2024, "LM-Infinite", arXiv:2308.16137.
    public static func lambda(global: Int, window: Int) -> AttentionPattern {
        contract(window > 0, "AttentionPattern: a window of \(window) keys")
        return AttentionPattern(past: window - 1, future: 0, global: global)
    }

    /// What query `i` of `queries` sees of `keys` keys: `[0, prefix)` and `[lower, upper)`.
    package func visibleKeys(
        query i: Int, queries: Int, keys: Int
    ) -> (prefix: Int, lower: Int, upper: Int) {
        let place = keys - queries + i
        let upper = future.map { min(keys, max(0, place + $0 + 1)) } ?? keys
        let lower = past.map { min(upper, max(0, place - $0)) } ?? 0
        return (min(global, lower), lower, upper)
    }
}
