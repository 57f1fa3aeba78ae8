import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct FlatIndexTests {
    @Test(arguments: Metric.allCases, [1, 5, 32])
    func `an index of plain vectors keeps to the rules`(metric: Metric, vectorsPerBlock: Int) throws {
        try checkVectorIndex(metric: metric, recall: 1...1) { vectors in
            var index = FlatIndex(
                codec: PlainCodec(
                    dimensions: vectors.columns, metric: metric, vectorsPerBlock: vectorsPerBlock))
            try index.insert(vectors)
            return index
        }
    }

    @Test(arguments: Metric.allCases)
    func `the scores are those of the definition`(metric: Metric) throws {
        let vectors = Matrix.random(rows: 300, columns: 17, seed: 1)
        let queries = Matrix.random(rows: 9, columns: 17, seed: 2)
        let index = try flat(vectors, metric: metric)
        for (query, list) in try index.search(queries, count: 300).enumerated() {
            let exact = vectors.bruteForce(queries.row(query), metric: metric)
            for (found, expected) in zip(list, exact) {
                #expect(abs(Double(found.score) - expected.score) <= 2e-5 * max(1, abs(expected.score)))
            }
        }
    }

    @Test(arguments: [Metric.innerProduct, .squaredEuclidean], [1, 10, 100, 3000])
    func `equal scores come in the order of their ids`(metric: Metric, k: Int) throws {
        let vectors = Matrix.wholeNumbers(rows: 3000, columns: 3, seed: 3)
        let queries = Matrix.wholeNumbers(rows: 20, columns: 3, seed: 4)
        let index = try flat(vectors, metric: metric)
        for threads in [1, 2] {
            let lists = try index.search(queries, count: k, threads: threads)
            for (query, list) in lists.enumerated() {
                let exact = vectors.bruteForce(queries.row(query), metric: metric).prefix(k)
                #expect(list.map(\.id) == exact.map(\.id))
            }
        }
    }

    @Test func `more queries than one batch are all answered`() throws {
        let vectors = Matrix.random(rows: 700, columns: 8, seed: 5)
        let queries = Matrix.random(rows: 613, columns: 8, seed: 6)
        let index = try flat(vectors, metric: .innerProduct)
        let lists = try index.search(queries, count: 3)
        #expect(lists.count == 613)
        for query in [0, 255, 256, 511, 512, 612] {
            #expect(
                lists[query].map(\.id)
                    == vectors.bruteForce(queries.row(query), metric: .innerProduct).prefix(3).map(\.id))
        }
    }

    @Test(arguments: [1, 5, 32])
    func `vectors that come in pieces are found like those that come at once`(vectorsPerBlock: Int) throws {
        let vectors = Matrix.random(rows: 500, columns: 16, seed: 7)
        let codec = PlainCodec(dimensions: 16, metric: .cosine, vectorsPerBlock: vectorsPerBlock)
        var whole = FlatIndex(codec: codec)
        try whole.insert(vectors)
        var pieces = FlatIndex(codec: codec)
        var row = 0
        for size in [1, 0, 31, 32, 33, 3, 200, 200] {
            try pieces.insert(vectors[rows: row..<row + size])
            row += size
        }
        #expect(pieces.count == 500)
        let queries = Matrix.random(rows: 7, columns: 16, seed: 8)
        #expect(try pieces.search(queries, count: 20) == whole.search(queries, count: 20))
        #expect(pieces.vectors(0..<500) == whole.vectors(0..<500))
        #expect(pieces.vectors(37..<41) == whole.vectors(0..<500)[rows: 37..<41])
    }

    @Test func `a copy is a snapshot`() throws {
        let vectors = Matrix.random(rows: 20, columns: 4, seed: 9)
        var index = try flat(vectors[rows: 0..<10], metric: .innerProduct)
        let snapshot = index
        try index.insert(vectors[rows: 10..<20])
        #expect(snapshot.count == 10 && index.count == 20)
        let query = vectors[rows: 15..<16]
        #expect(try snapshot.search(query, count: 10)[0].allSatisfy { $0.id < 10 })
        #expect(try index.search(query, count: 20)[0].count == 20)
    }

    @Test func `an empty index says so`() throws {
        let index = FlatIndex(codec: PlainCodec(dimensions: 4, metric: .cosine))
        expectError(.usage, "empty") { try index.search(Matrix(rows: 1, columns: 4), count: 1) }
    }

    @Test func `vectors that cannot be compared are named by their row`() throws {
        var index = try flat(Matrix.random(rows: 10, columns: 4, seed: 10), metric: .cosine)
        var added = Matrix.random(rows: 5, columns: 4, seed: 11)
        for column in 0..<4 { added[3, column] = 0 }
        expectError(.badData, "vector 13") { try index.insert(added) }
        added[3, 0] = .infinity
        expectError(.badData, "vector 13") { try index.insert(added) }
        expectError(.badData, "5 components") { try index.insert(Matrix(rows: 1, columns: 5)) }
        #expect(index.count == 10)
        // Without a norm to divide by, zero is a vector like any other.
        var products = FlatIndex(codec: PlainCodec(dimensions: 4, metric: .innerProduct))
        try products.insert(Matrix(rows: 2, columns: 4))
        #expect(try products.search(Matrix(rows: 1, columns: 4), count: 2)[0].map(\.id) == [0, 1])
    }

    @Test(arguments: [Float(1e-25), 1e-22, 1, 1e18, 1e37])
    func `cosine does not depend on the size of vectors`(scale: Float) throws {
        let vectors = Matrix.random(rows: 50, columns: 6, seed: 12)
        let scaled = Matrix(rows: 50, columns: 6, elements: vectors.elements.map { $0 * scale / 4 })
        let queries = Matrix.random(rows: 3, columns: 6, seed: 13)
        let expected = try flat(vectors, metric: .cosine).search(queries, count: 50)
        let found = try flat(scaled, metric: .cosine).search(queries, count: 50)
        for (a, b) in zip(found.joined(), expected.joined()) { #expect(abs(a.score - b.score) < 1e-5) }
    }

    @Test func `scores that overflow rank last and none is lost`() throws {
        var vectors = Matrix.random(rows: 200, columns: 2, seed: 14)
        vectors[3, 0] = 3e38
        vectors[3, 1] = -3e38
        let query = Matrix(rows: 1, columns: 2, elements: [3e38, 3e38])
        let list = try flat(vectors, metric: .innerProduct).search(query, count: 200)[0]
        #expect(Set(list.map(\.id)) == Set(0..<200))
        #expect(!list.contains { $0.score.isNaN })
    }

    @Test(arguments: [1, 4])
    func `a refinement ranks the candidates by the finer codes`(factor: Int) throws {
        // The first codec sees only the first 8 of 24 components.
        let vectors = Matrix.random(rows: 600, columns: 24, seed: 15)
        let fine = PlainCodec(dimensions: 24, metric: .innerProduct)
        let coarse = PrefixCodec(dimensions: 24, kept: 8, metric: .innerProduct)
        var index = FlatIndex(codec: coarse, refinement: .init(codec: fine, factor: factor))
        try index.insert(vectors)
        let queries = Matrix.random(rows: 10, columns: 24, seed: 16)
        var plain = FlatIndex(codec: coarse)
        try plain.insert(vectors)
        let found = try index.search(queries, count: 10)
        for (query, list) in found.enumerated() {
            let candidates = try plain.search(queries[rows: query..<query + 1], count: 10 * factor)[0].map(
                \.id)
            let expected = vectors.bruteForce(queries.row(query), metric: .innerProduct)
                .filter { candidates.contains($0.id) }.prefix(10)
            #expect(list.map(\.id) == expected.map(\.id))
        }
        for threads in 1...3 { #expect(try index.search(queries, count: 10, threads: threads) == found) }
    }

    private func flat(_ vectors: Matrix, metric: Metric) throws -> FlatIndex {
        var index = FlatIndex(codec: PlainCodec(dimensions: vectors.columns, metric: metric))
        try index.insert(vectors)
        return index
    }
}
