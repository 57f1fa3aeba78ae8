import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct LocalDimensionTests {
    /// Uniform in a cube of `rank` dimensions that lies in 32.
    private func cube(rank: Int, rows: Int = 3000) -> Matrix {
        var random = RandomSource(seed: UInt64(rank))
        let directions = Matrix.random(rows: rank, columns: 32, seed: 71)
        return Matrix(rows: rows, columns: 32) { out in
            for row in 0..<rows {
                let place = (0..<rank).map { _ in random.uniform() - 0.5 }
                for i in 0..<32 {
                    out[row * 32 + i] = (0..<rank).reduce(Float(0)) { $0 + place[$1] * directions[$1, i] }
                }
            }
        }
    }

    @Test(arguments: [1, 2, 4, 8])
    func `a cube has about its own dimension`(rank: Int) throws {
        let all = try LocalDimension.estimate(cube(rank: rank), metric: .squaredEuclidean)
        let mean = all.reduce(0, +) / Float(all.count)
        #expect(abs(mean / Float(rank) - 1) < 0.2, "rank \(rank): \(mean)")
        #expect(all == (try LocalDimension.estimate(cube(rank: rank), metric: .squaredEuclidean, threads: 1)))
    }

    @Test func `equal vectors have no dimension`() throws {
        let same = Matrix(rows: 5, columns: 3, elements: [Float](repeating: 2, count: 15))
        #expect(try LocalDimension.estimate(same, metric: .cosine) == [0, 0, 0, 0, 0])
        #expect(try LocalDimension.estimate(same[rows: 0..<1], metric: .cosine) == [0])
    }

    @Test(arguments: [
        InsertionOrder.random(seed: 3), .descendingLocalDimension, .ascendingLocalDimension,
        .custom(Array((0..<1000).reversed())),
    ])
    func `ids do not depend on the order of insertion`(order: InsertionOrder) throws {
        let vectors = Matrix.clustered(rows: 1000, columns: 8, seed: 72)
        var ordered = try HNSWIndex(
            .init(links: 6, efConstruction: 40), codec: FloatCodec(metric: .squaredEuclidean, dimensions: 8))
        try ordered.insert(vectors, order: order, threads: 2, progress: SilentProgress())
        ordered.effort = 40
        for id in stride(from: 0, to: 1000, by: 7) {
            let found = try ordered.search(vectors[rows: id..<id + 1], count: 1)[0][0]
            #expect(found.id == id && found.distance == 0)
        }
        if case .custom(let rows) = order {
            #expect(ordered.vectors(0..<1000) == vectors.gathering(rows: rows))
        }
        #expect(ordered.diagnosis().unreachable <= 1)
        #expect(ordered.remove([5]) == 1)
        #expect(try ordered.search(vectors[rows: 5..<6], count: 1)[0][0].id != 5)
    }
}
