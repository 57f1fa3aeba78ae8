import KuklaEvaluation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct SearchSweepTests {
    private func index(_ factory: String, _ vectors: Matrix) throws -> any CodedIndex {
        var index = try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: .squaredEuclidean)
        try index.insert(vectors, threads: 2)
        return index
    }

    private func vectors(_ count: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: count, columns: 16) { for i in $0.indices { $0[i] = random.normal() } }
    }

    @Test func `more effort finds more, up to all, and costs more`() throws {
        let sweep = try SearchSweep(
            of: index("HNSW6,F32", vectors(2000, seed: 1)), queries: vectors(100, seed: 2), count: 5,
            threads: 2)
        let points = sweep.points
        #expect(points.count > 3 && points[0].effort == 5)
        #expect(points[0].recall < 0.95 && (points.last?.recall ?? 0) >= 0.999)
        #expect(
            zip(points, points.dropFirst()).allSatisfy { $0.comparisonsPerQuery < $1.comparisonsPerQuery })
        #expect(points.allSatisfy { $0.p50Milliseconds <= $0.p99Milliseconds && $0.queriesPerSecond > 0 })
        #expect(sweep.chart(name: "a graph").svg().contains("recall@5"))
    }

    @Test func `true matches may come from elsewhere`() throws {
        let index = try index("F32", vectors(500, seed: 1))
        let queries = vectors(20, seed: 2)
        let found = try index.search(queries, count: 10)
        // One of ten is another vector.
        let truth = IntegerMatrix(
            rows: 20, columns: 10,
            elements: found.flatMap { $0.dropLast().map { Int32($0.id) } + [Int32(501)] })
        let sweep = try SearchSweep(of: index, queries: queries, truth: truth, count: 10)
        #expect(sweep.points.count == 1 && sweep.points[0].effort == nil)
        #expect(abs(sweep.points[0].recall - 0.9) < 1e-9 && sweep.points[0].comparisonsPerQuery == 500)
        let short = IntegerMatrix(rows: 20, columns: 1, elements: [Int32](repeating: 0, count: 20))
        let error = #expect(throws: KuklaError.self) {
            try SearchSweep(of: index, queries: queries, truth: short, count: 10)
        }
        #expect(error?.message.contains("20 lists of 1") == true)
    }

    @Test func `an examination finds what is wrong with a graph and its codes`() throws {
        let vectors = vectors(3000, seed: 1)
        let coarse = try IndexExamination(of: index("HNSW4_10,F32", vectors), recall: 0.99, sample: 500)
        #expect(coarse.present.map { $0.recall < 0.99 } == true)
        #expect(coarse.recommended.map { $0.recall >= 0.99 } == true)
        #expect(coarse.advice.contains { $0.contains("--effort \(coarse.recommended?.effort ?? 0)") })
        // Sixteen independent normals: the estimate is known to lie somewhat below the dimension.
        #expect((8...18).contains(coarse.localDimension[1]))
        #expect(coarse.graph?.layerCounts.first == 3000)
        let flat = try IndexExamination(of: index("F32", vectors), sample: 500)
        #expect(flat.graph == nil && flat.present == nil && flat.advice == ["Nothing stands out."])
    }
}
