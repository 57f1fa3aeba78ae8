import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// A sample of a collection in two dimensions: those in which its vectors vary most.
struct CollectionMap {
    struct Point {
        let item: StoredItem
        let x: Float
        let y: Float
    }

    private(set) var points: [Point] = []
    /// The share of the sample's variance that each axis shows.
    private(set) var explainedVariance: [Float] = [0, 0]

    /// - Parameter count: items of the sample, at most.
    /// - Complexity: O(n d min(n, d) + min(n, d)^3) for a sample of n.
    init(of collection: StoredCollection, count: Int) throws(KuklaError) {
        let d = collection.settings.dimensions
        // The cost grows with the cube of the smaller of both.
        let items = try collection.sample(count: d > 1024 ? min(count, 1024) : count)
            .filter { $0.vector != nil }
        guard items.count > 2 else {
            points = items.map { Point(item: $0, x: 0, y: 0) }
            return
        }
        var vectors = Matrix(rows: items.count, columns: d, elements: items.flatMap { $0.vector ?? [] })
        if collection.settings.metric == .cosine {
            vectors = try vectors.prepared(for: .cosine, role: "vector")
        }
        let axes = try Self.axes(of: vectors)
        points = items.enumerated().map { row, item in
            Point(item: item, x: axes.coordinates[0][row], y: axes.coordinates[1][row])
        }
        explainedVariance = axes.shares
    }

    /// Coordinates on the first two principal axes.
    private static func axes(
        of vectors: Matrix
    ) throws(KuklaError) -> (coordinates: [[Float]], shares: [Float]) {
        let (n, d) = (vectors.rows, vectors.columns)
        guard d <= 1024 else { return try axesByGram(of: vectors) }
        let components = try PrincipalComponents(of: vectors, threads: 1)
        let all = components.variances.reduce(0) { $0 + max($1, 0) }
        var coordinates: [[Float]] = []
        var shares: [Float] = []
        for axis in 0..<2 {
            guard axis < d else {
                coordinates.append(Array(repeating: 0, count: n))
                shares.append(0)
                continue
            }
            let direction = components.directions.row(axis)
            let offset = zip(direction, components.mean).reduce(0) { $0 + $1.0 * $1.1 }
            coordinates.append(
                (0..<n).map { row in
                    zip(vectors.row(row), direction).reduce(-offset) { $0 + $1.0 * $1.1 }
                })
            shares.append(all > 0 ? max(components.variances[axis], 0) / all : 0)
        }
        return (coordinates, shares)
    }

    /// The same by the products of the vectors with each other, where these are fewer than the dimensions: their eigenvectors are
    /// the coordinates.
    private static func axesByGram(
        of vectors: Matrix
    ) throws(KuklaError) -> (coordinates: [[Float]], shares: [Float]) {
        let (n, d) = (vectors.rows, vectors.columns)
        var mean = [Float](repeating: 0, count: d)
        for row in 0..<n {
            for (i, value) in vectors.row(row).enumerated() { mean[i] += value / Float(n) }
        }
        let centred = Matrix(
            rows: n, columns: d,
            elements: (0..<n).flatMap { row in zip(vectors.row(row), mean).map { $0 - $1 } })
        var products = Matrix(rows: n, columns: n)
        products.withUnsafeMutableBufferPointer { products in
            centred.withUnsafeBufferPointer {
                GEMM.multiply(
                    $0.baseAddress!, $0.baseAddress!, into: products.baseAddress!, m: n, n: n, k: d,
                    transposeB: true)
            }
        }
        let (values, directions) = try products.symmetricEigen()
        let all = values.reduce(0) { $0 + max($1, 0) }
        let coordinates = (0..<2).map { axis in
            directions.row(axis).map { $0 * max(values[axis], 0).squareRoot() }
        }
        return (coordinates, (0..<2).map { all > 0 ? max(values[$0], 0) / all : 0 })
    }
}
