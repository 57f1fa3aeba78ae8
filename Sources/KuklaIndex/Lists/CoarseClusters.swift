import KuklaCodecs
import KuklaNumerics

/// Centres around which vectors are sorted into lists, by k-means over whole vectors.
struct CoarseClusters: Sendable {
    /// `[lists, dimensions]`; of length 1 under cosine.
    let centers: Matrix
    let metric: Metric

    /// Vectors that training looks at for each centre.
    private static let sampleFactor = 64
    private static let iterations = 12

    /// Finds `count` centres of `vectors`: started by k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's iterations.
    /// A centre that no vector is nearest to moves beside the one with most.
    ///
    /// - Precondition: `vectors` are prepared for `metric`; there are at least `count`.
    static func train(
        _ count: Int, on vectors: Matrix, metric: Metric, seed: UInt64, threads: Int,
        progress: any ProgressReporter
    ) -> CoarseClusters {
        var random = RandomSource(seed: seed)
        let limit = sampleFactor * count
        let sample =
            vectors.rows <= limit
            ? vectors : vectors.gathering(rows: random.sample(limit, below: vectors.rows).sorted())
        progress.begin("Training lists", total: iterations + 1, unit: "iterations")
        defer { progress.end() }
        let start = startingRows(count, of: sample, random: &random, threads: threads)
        var clusters = CoarseClusters(centers: sample.gathering(rows: start), metric: metric)
        progress.advance(by: 1)
        for _ in 0..<iterations {
            clusters = clusters.moved(to: sample, threads: threads)
            progress.advance(by: 1)
        }
        return clusters
    }

    /// Rows that lie apart: each is drawn with a probability in proportion to its squared distance from the nearest one
    /// drawn before.
    private static func startingRows(
        _ count: Int, of sample: Matrix, random: inout RandomSource, threads: Int
    ) -> [Int] {
        let some = random.sample(min(sample.rows, 16 * count), below: sample.rows)
        let rows = sample.gathering(rows: some)
        let codec = FloatCodec(metric: .squaredEuclidean, dimensions: sample.columns)
        var distances = [Float](repeating: .infinity, count: rows.rows)
        var chosen = [Int.random(in: 0..<rows.rows, using: &random)]
        while true {
            let scorer = codec.scorer(for: rows[rows: chosen.last!..<chosen.last! + 1])
            rows.withUnsafeBufferPointer { all in
                distances.withUnsafeMutableBufferPointer { distances in
                    nonisolated(unsafe) let (all, distances) = (all.baseAddress!, distances.baseAddress!)
                    parallelFor(rows.rows, grain: 4096, threads: threads) { block in
                        withUnsafeTemporaryAllocation(of: Float.self, capacity: block.count) { scores in
                            let out = scores.baseAddress!
                            scorer.score(
                                all + block.lowerBound * rows.columns, count: block.count, into: out,
                                stride: block.count)
                            for i in 0..<block.count {
                                distances[block.lowerBound + i] = min(
                                    distances[block.lowerBound + i], -out[i])
                            }
                        }
                    }
                }
            }
            distances[chosen.last!] = 0
            guard chosen.count < count else { return chosen.map { some[$0] } }
            let total = distances.reduce(0.0) { $0 + Double($1) }
            var left = Double(random.uniform()) * total
            // Where all that is left are copies of what was drawn, any other row.
            var next = distances.indices.first { !chosen.contains($0) } ?? 0
            if total > 0 {
                for row in distances.indices where distances[row] > 0 {
                    next = row
                    left -= Double(distances[row])
                    if left < 0 { break }
                }
            }
            chosen.append(next)
        }
    }

    /// The centres of the vectors that are nearest to these.
    private func moved(to sample: Matrix, threads: Int) -> CoarseClusters {
        let nearest = nearest(to: sample, threads: threads)
        let d = centers.columns
        var sizes = [Int](repeating: 0, count: centers.rows)
        var sums = [Double](repeating: 0, count: centers.rows * d)
        sample.withUnsafeBufferPointer { all in
            for (row, list) in nearest.enumerated() {
                sizes[list] += 1
                for i in 0..<d { sums[list * d + i] += Double(all[row * d + i]) }
            }
        }
        for list in sizes.indices where sizes[list] == 0 {
            let largest = sizes.indices.max { sizes[$0] < sizes[$1] }!
            let half = sizes[largest] / 2
            for i in 0..<d {
                let x = sums[largest * d + i] / Double(max(1, sizes[largest]))
                let shift = max(x.magnitude, 1e-6) * (i % 2 == 0 ? 1e-3 : -1e-3)
                sums[list * d + i] = (x + shift) * Double(half)
                sums[largest * d + i] = (x - shift) * Double(sizes[largest] - half)
            }
            (sizes[list], sizes[largest]) = (half, sizes[largest] - half)
        }
        let moved = Matrix(rows: centers.rows, columns: d) { out in
            for list in 0..<centers.rows {
                var square = 0.0
                for i in 0..<d { square += sums[list * d + i] * sums[list * d + i] }
                let scale = metric == .cosine ? 1 / square.squareRoot() : 1 / Double(sizes[list])
                for i in 0..<d {
                    // A centre of nothing stays where it was.
                    out[list * d + i] = scale.isFinite ? Float(sums[list * d + i] * scale) : centers[list, i]
                }
            }
        }
        return CoarseClusters(centers: moved, metric: metric)
    }

    /// The number of the centre nearest to each row of `vectors`; of equally near ones the lowest.
    func nearest(to vectors: Matrix, threads: Int) -> [Int] {
        let piece = 256
        let codec = FloatCodec(
            metric: metric == .cosine ? .cosine : .squaredEuclidean, dimensions: vectors.columns)
        let pieces = parallelMap((vectors.rows + piece - 1) / piece, grain: 1, threads: threads) { index in
            let part = vectors[rows: index * piece..<min((index + 1) * piece, vectors.rows)]
            return Self.scores(codec.scorer(for: part), of: centers).map { scores in
                scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
            }
        }
        return pieces.flatMap { $0 }
    }

    /// The scores of all centres for each query: which lists a search looks through first.
    func scores(of queries: Matrix) -> [[Float]] {
        Self.scores(FloatCodec(metric: metric, dimensions: queries.columns).scorer(for: queries), of: centers)
    }

    private static func scores(_ scorer: any CodeScorer, of centers: Matrix) -> [[Float]] {
        var all = [Float](repeating: 0, count: scorer.queryCount * centers.rows)
        centers.withUnsafeBufferPointer {
            scorer.score($0.baseAddress!, count: centers.rows, into: &all, stride: centers.rows)
        }
        return (0..<scorer.queryCount).map { Array(all[$0 * centers.rows..<($0 + 1) * centers.rows]) }
    }
}
