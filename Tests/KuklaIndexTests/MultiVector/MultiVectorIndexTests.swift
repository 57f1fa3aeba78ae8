import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct MultiVectorIndexTests {
    /// 200 documents of 3 to 12 unit vectors, and for every tenth a query of vectors near to some of its own.
    private static let documents = unitSets(
        (0..<200).map { 3 + $0 % 10 }, dimensions: 16, seed: 11, around: nil)
    private static let queries: VectorSets = {
        let targets = documents.gathering((0..<20).map { $0 * 10 })
        return unitSets((0..<20).map { _ in 3 }, dimensions: 16, seed: 12, around: targets.vectors)
    }()

    private func index(_ factory: String, _ metric: Metric = .cosine) throws -> MultiVectorIndex {
        var index = try MultiVectorConfiguration(parsing: factory).train(on: Self.documents, metric: metric)
        try index.insert(Self.documents)
        return index
    }

    @Test(arguments: [
        "FDE20x5x16,PQ1280", "FDE20x5,F32,MaxSim(candidates=7)", "FDE20x5x16_2560(seed=7,fill=no),PCA64,SQ8",
        "FDE3x2x4,B1,Refine(F16,factor=20),MaxSim(candidates=400)",
    ])
    func `a factory string is read and printed`(string: String) throws {
        #expect("\(try MultiVectorConfiguration(parsing: string))" == string)
    }

    @Test func `what is the default need not be written`() throws {
        #expect("\(try MultiVectorConfiguration(parsing: "FDE2x3"))" == "FDE2x3,F32")
        #expect(
            "\(try MultiVectorConfiguration(parsing: "FDE2x3,MaxSim(candidates=9)"))"
                == "FDE2x3,F32,MaxSim(candidates=9)")
        for (string, answer) in [
            ("SQ8", "FDE"), ("FDE2x3,SQ9", "SQ8"), ("FDE2x3,", "Empty word"),
            ("FDE2x3,SQ8,MaxSim(candidates=0)", "from 1"),
            ("FDE2x3,SQ8MaxSim(candidates=5)", "comma"), ("FDE2x3,MaxSim(candidates=5),SQ8", "at the end"),
            ("FDE2x3,MaxSim", "at the end"),
        ] {
            expectError(.usage, answer) { try MultiVectorConfiguration(parsing: string) }
        }
    }

    @Test(arguments: ["FDE5x3", "FDE5x3x8,SQ8", "FDE5x3x8,PQ40x4fs"])
    func `all candidates give the exact order, few most of it`(factory: String) throws {
        let index = try index(factory)
        #expect(
            index.count == 200 && index.dimensions == 16 && index.vectorCount == Self.documents.vectors.rows)
        let exact = try index.exactSearch(Self.queries, count: 10)
        #expect(try index.search(Self.queries, count: 10, candidates: 200) == exact)
        let scores = MaxSim.scores(Self.queries, Self.documents)
        for (query, list) in exact.enumerated() {
            #expect(list.count == 10)
            #expect(zip(list, list.dropFirst()).allSatisfy { $0.score >= $1.score })
            for match in list {
                #expect(abs(match.score - scores[query, match.id]) < 1e-5 && match.distance == -match.score)
            }
        }
        let first = try index.search(Self.queries, count: 1, candidates: 20)
        let found = zip(first, exact).count { $0[0].id == $1[0].id }
        #expect(found >= 17, "\(found) of 20")
    }

    @Test func `threads, company and the way in change nothing`() throws {
        let whole = try index("FDE5x3x8")
        let found = try whole.search(Self.queries, count: 5, candidates: 20, threads: 1)
        for threads in 2...3 {
            #expect(try whole.search(Self.queries, count: 5, candidates: 20, threads: threads) == found)
        }
        var grown = try MultiVectorConfiguration(parsing: "FDE5x3x8").train(
            on: Self.documents, metric: .cosine)
        for range in [0..<1, 1..<150, 150..<200] { try grown.insert(Self.documents[sets: range], threads: 1) }
        let before = grown
        #expect(try grown.search(Self.queries, count: 5, candidates: 20) == found)
        try grown.insert(Self.documents[sets: 0..<1])
        #expect(grown.count == 201 && before.count == 200)
        #expect(grown[200] == grown[0] && before[37] == whole[37])
        let alone = try whole.search(Self.queries[sets: 3..<4], count: 5, candidates: 20)[0]
        #expect(alone.map(\.id) == found[3].map(\.id))
    }

    @Test func `an addition that fails in its last part leaves nothing behind`() throws {
        // 163,840 components: 102 encodings are a part. Two vectors whose sum is infinite.
        var index = try MultiVectorConfiguration(parsing: "FDE128x5x40,SQ8").train(
            on: unitSets([4, 4, 4], dimensions: 64, seed: 1, around: nil), metric: .innerProduct)
        try index.insert(unitSets([2], dimensions: 64, seed: 2, around: nil))
        let bad = VectorSets(
            (0..<110).map { set in
                Matrix(rows: 2, columns: 64, elements: [Float](repeating: set == 109 ? 3e38 : 1, count: 128))
            }, dimensions: 64)
        #expect(throws: KuklaError.self) { try index.insert(bad) }
        #expect(index.count == 1 && index.inner.count == 1 && index.vectorCount == 2)
        try index.insert(bad[sets: 0..<105])
        #expect(index.count == 106 && index.inner.count == 106)
    }

    @Test func `under cosine the lengths of vectors say nothing, under inner product they do`() throws {
        var random = RandomSource(seed: 3)
        let scaled = VectorSets(
            vectors: Matrix(rows: Self.documents.vectors.rows, columns: 16) { out in
                for row in 0..<Self.documents.vectors.rows {
                    let factor = 0.5 + 9 * random.uniform()
                    for i in 0..<16 { out[row * 16 + i] = factor * Self.documents.vectors[row, i] }
                }
            }, offsets: Self.documents.offsets)
        for (metric, isSame) in [(Metric.cosine, true), (.innerProduct, false)] {
            let configuration = try MultiVectorConfiguration(parsing: "FDE5x3")
            var index = try configuration.train(on: scaled, metric: metric)
            try index.insert(scaled)
            let ids = try index.exactSearch(Self.queries, count: 3).map { $0.map(\.id) }
            let plain = try self.index("FDE5x3").exactSearch(Self.queries, count: 3).map { $0.map(\.id) }
            #expect((ids == plain) == isSame)
        }
    }

    @Test func `a filter allows, and documents without vectors come last`() throws {
        var index = try index("FDE5x3")
        try index.insert(VectorSets([Matrix(rows: 0, columns: 16)], dimensions: 16))
        let allowed = RowSet(capacity: 201) { $0 % 3 == 0 }
        for list in [
            try index.search(Self.queries, count: 10, candidates: 30, allowing: allowed),
            try index.exactSearch(Self.queries, count: 10, allowing: allowed),
        ].joined() { #expect(list.count == 10 && list.allSatisfy { $0.id % 3 == 0 }) }
        let all = try index.exactSearch(Self.queries, count: 201)
        #expect(all.allSatisfy { $0.last == Match(id: 200, score: -.infinity, distance: .infinity) })
    }

    @Test func `what makes no sense is refused in words`() throws {
        let index = try index("FDE5x3")
        expectError(.usage, "at most 200") { try index.search(Self.queries, count: 201) }
        expectError(.usage, "at least 1") { try index.search(Self.queries, count: 0) }
        expectError(.usage, "0 candidates") { try index.search(Self.queries, count: 1, candidates: 0) }
        expectError(.badData, "15") { try index.search(randomSets([2], dimensions: 15, seed: 1), count: 1) }
        expectError(.badData, "query 1 has no vectors") {
            try index.search(randomSets([2, 0], dimensions: 16, seed: 1), count: 1)
        }
        var broken = Self.documents.vectors
        broken[31, 2] = .nan
        let sets = VectorSets(vectors: broken, offsets: Self.documents.offsets)
        expectError(.badData, "query vector 31") { try index.exactSearch(sets, count: 1) }
        var copy = index
        expectError(.badData, "vector \(index.vectorCount + 31)") { try copy.insert(sets) }
        #expect(copy.count == 200)
        expectError(.badData, "15") { try copy.insert(randomSets([2], dimensions: 15, seed: 1)) }
        let configuration = try MultiVectorConfiguration(parsing: "FDE5x3")
        expectError(.usage, "cosine or ip") {
            try configuration.train(on: Self.documents, metric: .squaredEuclidean)
        }
        let empty = try configuration.train(on: Self.documents, metric: .cosine)
        expectError(.usage, "empty") { try empty.search(Self.queries, count: 1) }
    }
}
