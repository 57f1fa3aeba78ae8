import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct IndexGroupTests {
    private func flat(_ vectors: Matrix, metric: Metric) throws -> FlatIndex {
        var index = FlatIndex(codec: FloatCodec(metric: metric, dimensions: vectors.columns))
        try index.insert(vectors)
        return index
    }

    @Test(arguments: Metric.allCases)
    func `a group keeps to the rules of an index`(metric: Metric) throws {
        try checkVectorIndex(metric: metric, recall: 1...1) { vectors in
            try IndexGroup([
                flat(vectors[rows: 0..<100], metric: metric), flat(vectors[rows: 0..<0], metric: metric),
                flat(vectors[rows: 100..<101], metric: metric),
                flat(vectors[rows: 101..<600], metric: metric),
            ])
        }
    }

    @Test func `ids go on where vectors were removed`() throws {
        let vectors = Matrix.random(rows: 200, columns: 4, seed: 61)
        var first = try HNSWIndex(codec: FloatCodec(metric: .squaredEuclidean, dimensions: 4))
        try first.insert(vectors[rows: 0..<100])
        _ = first.remove(50..<100)
        let group = try IndexGroup([first, flat(vectors[rows: 100..<200], metric: .squaredEuclidean)])
        #expect(group.count == 150 && group.idBound == 200 && group.firstIDs == [0, 100])
        for id in [3, 49, 100, 199] {
            #expect(try group.search(vectors[rows: id..<id + 1], count: 1)[0][0].id == id)
        }
    }

    @Test func `what cannot be compared is refused`() throws {
        expectError(.usage, "at least one") { try IndexGroup([]) }
        let vectors = Matrix.random(rows: 2, columns: 4, seed: 62)
        expectError(.usage, "one kind") {
            try IndexGroup([flat(vectors, metric: .cosine), flat(vectors, metric: .innerProduct)])
        }
    }

    @Test(arguments: Metric.allCases)
    func `a range holds all within it and nothing else`(metric: Metric) throws {
        let vectors = Matrix.random(rows: 900, columns: 5, seed: 63)
        let queries = Matrix.random(rows: 7, columns: 5, seed: 64)
        let index = try flat(vectors, metric: metric)
        let all = try index.search(queries, count: 900)
        // From nothing over a few and some hundred to all.
        for place in [0, 5, 63, 64, 300, 899] {
            let limit = all[2][place].distance
            for (list, sorted) in zip(try index.search(queries, within: limit), all) {
                let expected = Set(sorted.filter { $0.distance <= limit + 1e-4 }.map(\.id))
                let certain = Set(sorted.filter { $0.distance <= limit - 1e-4 }.map(\.id))
                let found = Set(list.map(\.id))
                #expect(found.isSubset(of: expected) && found.isSuperset(of: certain))
            }
        }
        let odd = RowSet(capacity: 900) { $0 % 2 == 1 }
        for list in try index.search(queries, within: .infinity, allowing: odd) { #expect(list.count == 450) }
        let empty = try flat(vectors[rows: 0..<0], metric: metric)
        #expect(try empty.search(queries, within: 1).allSatisfy(\.isEmpty))
    }
}
