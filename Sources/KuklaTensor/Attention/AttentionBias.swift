import Foundation
import KuklaNumerics

/// What is added to the scores after scaling.
public enum AttentionBias: Sendable {
    case none
    /// A number for each head and distance (place of the key minus place of the query): `table [heads, distances]`, distance 0
    /// in column `zero`. Gradients flow to the table. ALiBi and relative positions are of this kind.
    case byDistance(Tensor, zero: Int)
    /// `-slope * min(|p_q - p_k|, reach)` for a slope of each head and the positions of all query and key tokens, whatever their
    /// places: ALiBi where tokens were left out. Distances beyond `reach` count as `reach`. No gradient.
    case byPosition(slopes: [Float], queries: [Int32], keys: [Int32], reach: Int32 = .max)
    /// A number for each head, query and key of a sequence, shared by all sequences: `[heads, queries, keys]`, each at least as
    /// long as the longest sequence. For small cases: this is the matrix that the other forms avoid.
    case dense(Tensor)
    /// A number for each query and key of each sequence, the same for all heads: one vector in which the sequences' `[queries, keys]`
    /// lie one behind another. Without gradient. What a query must not see has a number far below all scores, -10,000 say.
    case bySequence(Tensor)

    /// The dense form with numbers from a function of head, query and key, without gradient.
    public static func computed(
        heads: Int, queries: Int, keys: Int, by function: (_ head: Int, _ query: Int, _ key: Int) -> Float
    ) -> AttentionBias {
        .dense(
            Tensor(shape: [heads, queries, keys]) { out in
                for i in out.indices {
                    out[i] = function(i / (queries * keys), i / keys % queries, i % keys)
                }
            })
    }

    /// Attention with linear biases: `-slope * |distance|`, slopes `2^(-8 h / heads)` for h = 1 ... heads (where `heads` is
    /// not a power of 2, those of the next lower power, then every second one of the next higher).
    ///
    /// `longest` is the length of the longest key sequence; distances are those of places in it (see `byPosition`).
    /// *Source:* Press, Smith and Lewis 2022, "Train Short, Test Long", arXiv:2108.12409.
    public static func alibi(heads: Int, longest: Int) -> AttentionBias {
        let slopes = alibiSlopes(heads: heads)
        let width = 2 * max(longest, 1) - 1
        return .byDistance(
            Tensor(shape: [heads, width]) { out in
                for i in out.indices { out[i] = -slopes[i / width] * Float(abs(i % width - longest + 1)) }
            }, zero: max(longest, 1) - 1)
    }

    /// The slopes of `alibi`.
    public static func alibiSlopes(heads: Int) -> [Float] {
        contract(heads > 0, "alibi: \(heads) heads")
        func powers(_ count: Int) -> [Float] {
            (1...count).map { Float.powerOfTwo(-8 * Float($0) / Float(count)) }
        }
        var lower = 1
        while lower * 2 <= heads { lower *= 2 }
        guard lower < heads else { return powers(heads) }
        let between = powers(2 * lower).enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        return powers(lower) + between.prefix(heads - lower)
    }

    /// The table where a gradient flows to it.
    package var trainedTable: Tensor? { tensor.flatMap { $0.node == nil ? nil : $0 } }

    /// The same bias read from another table of this shape.
    package func replacing(table: Tensor) -> AttentionBias {
        switch self {
        case .none, .byPosition, .bySequence: self
        case .byDistance(_, let zero): .byDistance(table, zero: zero)
        case .dense: .dense(table)
        }
    }

    /// The tensor that the bias is read from.
    package var tensor: Tensor? {
        switch self {
        case .none, .byPosition: nil
        case .byDistance(let table, zero: _), .dense(let table): table
        case .bySequence(let numbers): numbers.detached
        }
    }
}

extension Float {
    fileprivate static func powerOfTwo(_ x: Float) -> Float {
        // Exact for whole numbers, as most slopes are.
        let whole = x.rounded(.down)
        var result = Float(sign: .plus, exponent: Int(whole), significand: 1)
        if x != whole { result *= Float(pow(2, Double(x - whole))) }
        return result
    }
}
