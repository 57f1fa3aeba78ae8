import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct HNSWIndexTests {
    private let vectors = Matrix.clustered(rows: 3000, columns: 16, seed: 1)
    private let queries = Matrix.clustered(rows: 100, columns: 16, seed: 2)

    private func index(
        _ vectors: Matrix, metric: Metric = .squaredEuclidean, factory: String = "HNSW8_64", threads: Int = 2
    ) throws -> HNSWIndex {
        var index = try #require(
            try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: metric) as? HNSWIndex)
        try index.insert(vectors, threads: threads)
        return index
    }

    private func recall(
        _ index: HNSWIndex, of vectors: Matrix, allowing: ((Int) -> Bool)? = nil, k: Int = 10
    ) throws -> Double {
        let allowed = allowing.map { RowSet(capacity: index.idBound, where: $0) }
        let found = try index.search(queries, count: k, allowing: allowed, threads: 2)
        var hits = 0
        for query in 0..<queries.rows {
            let exact = vectors.bruteForce(queries.row(query), metric: index.metric)
                .filter { allowing?($0.id) ?? true }.prefix(k)
            hits += Set(exact.map(\.id)).intersection(found[query].map(\.id)).count
        }
        return Double(hits) / Double(queries.rows * k)
    }

    @Test(arguments: Metric.allCases)
    func `a walk finds what comparing all finds`(metric: Metric) throws {
        var index = try index(vectors, metric: metric)
        index.effort = 20
        let low = try recall(index, of: vectors)
        index.effort = 100
        let high = try recall(index, of: vectors)
        #expect(low > 0.75 && high > low && high > 0.96, "recall \(low) and \(high)")
        let exact = try index.exactSearch(queries, count: 10, threads: 2)
        index.effort = index.count
        // Scores by products and one by one differ by rounding, which none of these vectors are near enough to feel.
        let all = try index.search(queries, count: 10)
        #expect(all.map { $0.map(\.id) } == exact.map { $0.map(\.id) })
    }

    @Test func `the graph does not depend on threads`() throws {
        let one = try index(vectors, threads: 1)
        for threads in 2...3 {
            let other = try index(vectors, threads: threads)
            #expect(try other.search(queries, count: 5) == one.search(queries, count: 5))
            #expect(other.diagnosis() == one.diagnosis())
        }
    }

    @Test func `vectors that come in pieces are found`() throws {
        var pieces = try index(vectors[rows: 0..<0])
        let sizes = [1, 2, 0, 7, 290, 1, 1, 1700, 998]
        var row = 0
        for size in sizes {
            try pieces.insert(vectors[rows: row..<row + size], threads: 2)
            row += size
        }
        #expect(pieces.count == 3000 && pieces.idBound == 3000)
        pieces.effort = 100
        #expect(try recall(pieces, of: vectors) > 0.96)
        #expect(pieces.vectors(0..<3000) == vectors)
    }

    @Test func `a filter does not break the walk`() throws {
        // So many vectors that at one hundredth a walk of effort 4 pays, too.
        let many = Matrix.clustered(rows: 20_000, columns: 8, seed: 3)
        let queries = Matrix.clustered(rows: 30, columns: 8, seed: 2)
        var index = try index(many)
        var flat = FlatIndex(codec: FloatCodec(metric: .squaredEuclidean, dimensions: 8))
        try flat.insert(many)
        var random = RandomSource(seed: 5)
        for (share, low, high) in [(0.5, 10, 60), (0.1, 10, 40), (0.03, 5, 14), (0.01, 3, 60)] {
            let allowed = RowSet(capacity: 20_000) { _ in Double(random.uniform()) < share }
            let exact = try flat.search(queries, count: 3, allowing: allowed, threads: 2)
            func recall(_ effort: Int) throws -> Double {
                index.effort = effort
                // One by one: many queries among few vectors are not walked for.
                let found = try (0..<queries.rows).map {
                    try index.search(queries[rows: $0..<$0 + 1], count: 3, allowing: allowed)[0]
                }
                #expect(found.allSatisfy { $0.count == 3 && $0.allSatisfy { allowed.contains($0.id) } })
                let hits = zip(found, exact).reduce(0) {
                    $0 + Set($1.0.map(\.id)).intersection($1.1.map(\.id)).count
                }
                return Double(hits) / 90
            }
            let (narrow, wide) = try (recall(low), recall(high))
            #expect(narrow > 0.6 && narrow < 1, "\(share): recall \(narrow)")
            #expect(wide > 0.93, "\(share): recall \(wide)")
        }
    }

    @Test(arguments: ["HNSW8,F32", "HNSW8,SQ4,Refine(F32,factor=200)"])
    func `many queries among few vectors find what a flat index finds`(factory: String) throws {
        let configuration = try IndexConfiguration(parsing: factory)
        var index = try #require(
            try configuration.makeIndex(on: vectors, metric: .squaredEuclidean) as? HNSWIndex)
        try index.insert(vectors, order: .random(seed: 4), progress: SilentProgress())
        var flat = FlatIndex(codec: FloatCodec(metric: .squaredEuclidean, dimensions: vectors.columns))
        try flat.insert(vectors)
        let allowed = RowSet(capacity: vectors.rows) { $0 % 16 == 3 }
        let counter = ComparisonCounter()
        index.comparisonCounter = counter
        let found = try index.search(queries, count: 5, allowing: allowed, threads: 2)
        #expect(counter.count == queries.rows * allowed.count)
        let exact = try flat.search(queries, count: 5, allowing: allowed)
        #expect(found.map { $0.map(\.id) } == exact.map { $0.map(\.id) })
        // More than there are: all of them.
        let all = try index.search(queries, count: allowed.count + 1, allowing: allowed)
        #expect(all.allSatisfy { Set($0.map(\.id)).count == allowed.count })
    }

    @Test func `what is excluded is not found, ids that are not there do not matter`() throws {
        let index = try index(vectors)
        let best = try index.search(queries, count: 1).map { $0[0].id }
        let others = try index.search(queries, count: 1, excluding: best + [-1, 99_999])
        for list in others { #expect(!best.contains(list[0].id)) }
    }

    @Test(arguments: [0.1, 0.5, 0.9])
    func `removal mends the graph`(share: Double) throws {
        var index = try index(vectors)
        index.effort = 100
        let whole = index
        var random = RandomSource(seed: 6)
        let gone = Set((0..<3000).filter { _ in Double(random.uniform()) < share })
        #expect(index.remove(gone.union([-5, 3000, 1 << 40])) == gone.count)
        #expect(index.remove(gone) == 0)
        #expect(index.count == 3000 - gone.count && index.idBound == 3000)
        let found = try recall(index, of: vectors, allowing: { !gone.contains($0) })
        #expect(found > 0.95, "recall \(found)")
        let diagnosis = index.diagnosis()
        #expect(diagnosis.unreachable <= 1, "\(diagnosis.unreachable) unreachable of \(index.count)")
        for list in try index.search(queries, count: index.count) {
            #expect(Set(list.map(\.id)) == Set(0..<3000).subtracting(gone))
        }
        // The copy of before is as it was.
        #expect(whole.count == 3000)
        #expect(try recall(whole, of: vectors) > 0.96)
    }

    @Test func `ids are never used twice, and what comes after removal is found`() throws {
        var index = try index(vectors[rows: 0..<1000])
        #expect(index.remove(500..<1000) == 500)
        try index.insert(vectors[rows: 1000..<3000], threads: 2)
        #expect(index.count == 2500 && index.idBound == 3000)
        index.effort = 100
        #expect(try recall(index, of: vectors, allowing: { !(500..<1000).contains($0) }) > 0.95)
        // One after the other.
        for id in stride(from: 0, to: 3000, by: 100) { _ = index.remove([id]) }
        #expect(
            try recall(
                index, of: vectors, allowing: { !(500..<1000).contains($0) && $0 % 100 != 0 }) > 0.95)
    }

    @Test func `an index of which all was removed is empty and can be filled`() throws {
        var index = try index(vectors[rows: 0..<300])
        #expect(index.remove(0..<300) == 300)
        expectError(.usage, "empty") { try index.search(queries, count: 1) }
        try index.insert(vectors[rows: 300..<310], threads: 1)
        #expect(try Set(index.search(queries[rows: 0..<1], count: 10)[0].map(\.id)) == Set(300..<310))
    }

    @Test(arguments: Metric.allCases, [1, 300])
    func `equal vectors do not tear the graph`(metric: Metric, pieces: Int) throws {
        // 600 different ones, 400 that are one of ten, in any order.
        var random = RandomSource(seed: 7)
        let kinds = (0..<1000).map { $0 < 600 ? $0 : 600 + $0 % 10 }.shuffled(using: &random)
        let different = Matrix.clustered(rows: 610, columns: 8, seed: 8)
        let vectors = different.gathering(rows: kinds)
        var index = try index(vectors[rows: 0..<0], metric: metric)
        for start in stride(from: 0, to: 1000, by: 1000 / pieces) {
            try index.insert(vectors[rows: start..<min(start + 1000 / pieces, 1000)], threads: 2)
        }
        // Pieces that are small beside what is there are not looked over; by inner product short vectors are lost then.
        #expect(
            index.diagnosis().unreachable <= (metric == .innerProduct && pieces > 1 ? 60 : 1),
            "\(index.diagnosis())")
        // A walk to one of the ten finds all of its kind.
        index.effort = 60
        for kind in 600..<610 where metric != .innerProduct {
            let found = try index.search(different[rows: kind..<kind + 1], count: 40)[0]
            #expect(Set(found.map { kinds[$0.id] }) == [kind])
        }
        // Also when most of them are gone.
        let gone = (0..<1000).filter { kinds[$0] >= 600 && Double(random.uniform()) < 0.8 }
        #expect(index.remove(gone) == gone.count)
        #expect(index.diagnosis().unreachable <= 1, "\(index.diagnosis())")
    }

    @Test func `effort is chosen by recall`() throws {
        var index = try index(vectors)
        let reached = try index.chooseEffort(recall: 0.98, queries: queries, count: 10)
        #expect(reached.recall >= 0.98 && index.effort == reached.effort)
        #expect(abs(try recall(index, of: vectors) - reached.recall) < 1e-9)
        index.effort = max(1, reached.effort * 3 / 4)
        #expect(try recall(index, of: vectors) < reached.recall)
        let all = try index.chooseEffort(recall: 1, queries: queries, count: 10)
        #expect(all.recall == 1)
        expectError(.usage, "queries") { try index.chooseEffort(recall: 0.5, queries: queries[rows: 0..<0]) }
    }

    @Test(arguments: [
        "HNSW8,SQ8", "HNSW8,PQ8", "HNSW8,B1,Refine(F32)", "HNSW8,PCA8,F32", "HNSW8,F16", "HNSW8,B1",
        "HNSW8,RBE32x2", "HNSW8,RBE20x3,Refine(RBE32x4)",
    ])
    func `a walk over codes finds about what comparing all codes finds`(factory: String) throws {
        for metric in factory.contains("RBE") ? [.cosine] : Metric.allCases {
            var walking = try index(vectors, metric: metric, factory: factory)
            walking.effort = 100
            var flat = try IndexConfiguration(parsing: String(factory.dropFirst(6)))
                .train(on: vectors, metric: metric)
            try flat.insert(vectors)
            let (found, all) = try (recall(walking, of: vectors), flatRecall(flat))
            #expect(found > 0.92 * all, "\(metric): recall \(found), of all codes \(all)")
        }

        func flatRecall(_ flat: FlatIndex) throws -> Double {
            var hits = 0
            for (query, list) in try flat.search(queries, count: 10).enumerated() {
                let exact = vectors.bruteForce(queries.row(query), metric: flat.metric).prefix(10)
                hits += Set(exact.map(\.id)).intersection(list.map(\.id)).count
            }
            return Double(hits) / 1000
        }
    }

    @Test func `readers keep their snapshot while a writer changes its own`() async throws {
        let first = try index(vectors[rows: 0..<1500])
        let expected = try first.search(queries, count: 10)
        try await withThrowingTaskGroup(of: Void.self) { [queries, vectors] group in
            group.addTask {
                var own = first
                for start in stride(from: 1500, to: 3000, by: 300) {
                    try own.insert(vectors[rows: start..<start + 300], threads: 2)
                    _ = own.remove(start - 1500..<start - 1400)
                }
                #expect(own.count == 2500)
            }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<10 {
                        let found = try first.search(queries, count: 10, threads: 2)
                        #expect(found == expected)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `codes in blocks are refused`() throws {
        expectError(.usage, "blocks") {
            try IndexConfiguration(parsing: "HNSW8,PQ8x4fs").makeIndex(on: vectors, metric: .cosine)
        }
    }
}
