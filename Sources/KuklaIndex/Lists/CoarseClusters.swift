import KuklaCodecs
import KuklaNumerics

/// Centres around which vectors are sorted into lists, by k-means over whole vectors.
struct CoarseClusters: Sendable {
    /// `[lists, dimensions]`; of length 1 under cosine.
    let centers: Matrix
    let metric: Metric
    /// Finds the centres nearest to a query; `nil` where all are compared.
    var graph: HNSWIndex?

    /// Vectors that training looks at for each centre.
    private static let sampleFactor = 64
    private static let iterations = 12

    /// Finds centres of `vectors`: started by k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's iterations. A centre
    /// that no vector is nearest to moves beside the one with most.
    ///
    /// Where lists are balanced, iterations fill them as `nearest(to:sizes:largest:threads:)` does: what a full list turns
    /// away pulls other centres to where vectors are dense.
    ///
    /// - Throws: `KuklaError.badData` where there are fewer vectors than lists.
    /// - Precondition: `vectors` are prepared for `metric`.
    static func train(
        _ lists: IVFConfiguration, on vectors: Matrix, metric: Metric, seed: UInt64, threads: Int,
        progress: any ProgressReporter
    ) throws(KuklaError) -> CoarseClusters {
        let count = lists.count
        guard vectors.rows >= count else {
            throw KuklaError(
                .badData,
                "Cannot train \(count) lists on \(vectors.rows) vectors: at least \(count) are needed, and better 40 times as many. Give more vectors or use fewer lists."
            )
        }
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
        let empty = [Int](repeating: 0, count: count)
        for _ in 0..<iterations {
            let nearest = clusters.nearest(
                to: sample, sizes: empty, largest: lists.largestSize(among: sample.rows), threads: threads)
            clusters = clusters.moved(to: sample, nearest: nearest)
            progress.advance(by: 1)
        }
        guard let links = lists.centerLinks else { return clusters }
        return try clusters.linked(links, seed: seed, threads: threads)
    }

    /// The same centres with a graph over them.
    func linked(_ links: Int, seed: UInt64, threads: Int) throws(KuklaError) -> CoarseClusters {
        var graph = try HNSWIndex(
            HNSWConfiguration(links: links),
            codec: FloatCodec(metric: metric, dimensions: centers.columns), seed: seed)
        try graph.insert(centers, threads: threads)
        // As the graph has them: normalised once more.
        return CoarseClusters(centers: graph.vectors(0..<centers.rows), metric: metric, graph: graph)
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

    /// The centres of the vectors whose lists are `nearest`.
    private func moved(to sample: Matrix, nearest: [Int]) -> CoarseClusters {
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
        nearnesses(to: vectors, threads: threads) { scores in
            scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
        }
    }

    /// As `nearest(to:threads:)`, for lists that hold `sizes` vectors already and at most `largest` in the end: one row after
    /// the other goes to the nearest centre with room, those first that need not go elsewhere.
    func nearest(to vectors: Matrix, sizes: [Int], largest: Int, threads: Int) -> [Int] {
        var chosen = nearest(to: vectors, threads: threads)
        var sizes = sizes
        var others: [Int] = []
        for (row, list) in chosen.enumerated() {
            if sizes[list] < largest { sizes[list] += 1 } else { others.append(row) }
        }
        let piece = max(1, (1 << 22) / centers.rows)
        for start in stride(from: 0, to: others.count, by: piece) {
            let rows = others[start..<min(start + piece, others.count)]
            let scores = nearnesses(to: vectors.gathering(rows: rows), threads: threads) { $0 }
            for (row, scores) in zip(rows, scores) {
                let open = sizes.indices.filter { sizes[$0] < largest }
                guard let list = open.max(by: { scores[$0] < scores[$1] }) else { continue }
                chosen[row] = list
                sizes[list] += 1
            }
        }
        return chosen
    }

    /// What `body` makes of the nearness of all centres to each row.
    private func nearnesses<Result: Sendable>(
        to vectors: Matrix, threads: Int, _ body: @Sendable ([Float]) -> Result
    ) -> [Result] {
        let piece = 256
        let codec = FloatCodec(
            metric: metric == .cosine ? .cosine : .squaredEuclidean, dimensions: vectors.columns)
        let pieces = parallelMap((vectors.rows + piece - 1) / piece, grain: 1, threads: threads) { index in
            let part = vectors[rows: index * piece..<min((index + 1) * piece, vectors.rows)]
            return Self.scores(codec.scorer(for: part), of: centers).map(body)
        }
        return pieces.flatMap { $0 }
    }

    /// The rows of `vectors` without the centres of their lists.
    func residuals(of vectors: Matrix, in lists: [Int]) -> Matrix {
        adding(-1, timesCentersOf: lists, to: vectors)
    }

    /// The rows whose residuals these are.
    func restored(_ residuals: Matrix, in lists: [Int]) -> Matrix {
        adding(1, timesCentersOf: lists, to: residuals)
    }

    private func adding(_ factor: Float, timesCentersOf lists: [Int], to rows: Matrix) -> Matrix {
        contract(lists.count == rows.rows, "\(lists.count) lists for \(rows.rows) rows")
        let d = rows.columns
        return Matrix(rows: rows.rows, columns: d) { out in
            rows.withUnsafeBufferPointer { x in
                centers.withUnsafeBufferPointer { c in
                    for (row, list) in lists.enumerated() {
                        for i in 0..<d { out[row * d + i] = x[row * d + i] + factor * c[list * d + i] }
                    }
                }
            }
        }
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
