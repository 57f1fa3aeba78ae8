import Foundation
import KuklaCodecs
public import KuklaNumerics

/// How many dimensions vectors fill around each of them: where it is high, many vectors are about equally far and a walk
/// over a graph loses its way.
///
/// The maximum-likelihood estimate from the distances `d_i` of the nearest `n` others: `-1 / mean(ln(d_i / d_n))` (Levina
/// and Bickel 2004; Amsaleg et al. 2015, "Estimating Local Intrinsic Dimensionality", doi:10.1145/2783258.2783405).
public enum LocalDimension {
    public static let defaultNeighbours = 100

    /// The local dimension at each row of `vectors`, by Euclidean distances among all of them: of directions under
    /// cosine. 0 where all neighbours are equal to the vector.
    ///
    /// - Parameters:
    ///   - rows: where to estimate; everywhere if `nil`.
    ///   - neighbours: how many, fewer where there are fewer.
    /// - Throws: `KuklaError.badData` as an index does.
    /// - Complexity: O(rows * vectors * dimensions).
    public static func estimate(
        _ vectors: Matrix, metric: Metric, rows: [Int]? = nil, neighbours: Int = defaultNeighbours,
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> [Float] {
        contract(neighbours >= 2, "LocalDimension: \(neighbours) neighbours")
        let places = rows ?? Array(0..<vectors.rows)
        guard vectors.rows > 1 else { return [Float](repeating: 0, count: places.count) }
        let prepared = try vectors.prepared(for: metric, role: "vector", threads: threads)
        var index = FlatIndex(codec: FloatCodec(metric: .squaredEuclidean, dimensions: vectors.columns))
        try index.insert(prepared, threads: threads)
        var all: [Float] = []
        all.reserveCapacity(places.count)
        progress.begin("Local dimensions", total: places.count, unit: "vectors")
        defer { progress.end() }
        let k = min(neighbours + 1, vectors.rows)
        for start in stride(from: 0, to: places.count, by: 1024) {
            let rows = Array(places[start..<min(start + 1024, places.count)])
            let queries = prepared.gathering(rows: rows)
            for (row, list) in zip(rows, try index.search(queries, count: k, threads: threads)) {
                all.append(dimension(list.filter { $0.id != row }.prefix(neighbours).map(\.distance)))
            }
            progress.advance(by: rows.count)
        }
        return all
    }

    /// The estimate from rising squared distances.
    static func dimension(_ squaredDistances: [Float]) -> Float {
        // Batches of queries are scored as |q|^2 + |x|^2 - 2 q.x, which rounds: what is that near is equal.
        let positive = squaredDistances.filter { $0 > 1e-6 * (squaredDistances.last ?? 0) }
        guard let last = positive.last, positive.count > 1 else { return 0 }
        // Half the logarithm of a ratio of squares.
        let sum = positive.reduce(0.0) { $0 + log(Double($1) / Double(last)) / 2 }
        return sum < 0 ? Float(-Double(positive.count) / sum) : 0
    }
}
