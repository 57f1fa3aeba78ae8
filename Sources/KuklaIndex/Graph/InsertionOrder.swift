import KuklaNumerics

/// The order in which vectors enter a graph. Ids do not depend on it; recall does, a little (Elliott and Clark 2024, "The
/// Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds",
/// arXiv:2405.17813).
public enum InsertionOrder: Hashable, Sendable {
    case given
    case random(seed: UInt64)
    /// Those in the most complicated surroundings first (`LocalDimension`).
    case descendingLocalDimension
    case ascendingLocalDimension
    /// These rows, each once.
    case custom([Int])

    /// The rows of `vectors` in this order; `nil` as they are.
    func rows(of vectors: Matrix, metric: Metric, threads: Int) throws(KuklaError) -> [Int]? {
        switch self {
        case .given: return nil
        case .random(let seed):
            var random = RandomSource(seed: seed)
            return random.sample(vectors.rows, below: vectors.rows)
        case .descendingLocalDimension, .ascendingLocalDimension:
            let dimensions = try LocalDimension.estimate(vectors, metric: metric, threads: threads)
            let descending = self == .descendingLocalDimension
            return dimensions.indices.sorted {
                let (a, b) = (dimensions[$0], dimensions[$1])
                return a == b ? $0 < $1 : descending ? a > b : a < b
            }
        case .custom(let rows):
            contract(
                rows.count == vectors.rows && Set(rows) == Set(0..<vectors.rows),
                "insertion order: not each of \(vectors.rows) rows once")
            return rows
        }
    }
}
