import Foundation
import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct IVFIndexTests {
    private let vectors = Matrix.clustered(rows: 3000, columns: 16, seed: 51)
    private let queries = Matrix.clustered(rows: 60, columns: 16, seed: 52)

    private func index(_ factory: String, metric: Metric = .squaredEuclidean) throws -> IVFIndex {
        try #require(
            try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: metric) as? IVFIndex)
    }

    private func filled(_ factory: String, metric: Metric = .squaredEuclidean) throws -> IVFIndex {
        var index = try index(factory, metric: metric)
        try index.insert(vectors, threads: 2)
        return index
    }

    private func recall(_ index: IVFIndex, k: Int = 10) throws -> Double {
        let found = try index.search(queries, count: k)
        return Double(
            (0..<queries.rows).reduce(0) { sum, query in
                let exact = vectors.bruteForce(queries.row(query), metric: index.metric).prefix(k).map(\.id)
                return sum + Set(exact).intersection(found[query].map(\.id)).count
            }) / Double(queries.rows * k)
    }

    @Test(arguments: Metric.allCases)
    func `more lists find more, and all find everything`(metric: Metric) throws {
        var index = try filled("IVF40,F32", metric: metric)
        var last = 0.0
        for effort in [1, 4, 12, 40] {
            index.effort = effort
            let recall = try recall(index)
            #expect(recall >= last, "effort \(effort): recall \(recall) after \(last)")
            last = recall
        }
        #expect(last > 0.999)
        index.effort = 4
        #expect(try recall(index) > 0.6)
    }

    /// Whole numbers: many pairs of scores are equal, and which of them are found is said by the ids.
    @Test(arguments: Metric.allCases.filter { $0 != .cosine }, [1, 10, 130, 700, 3000])
    func `through all lists the matches are those of a scan, of equal ones the lowest ids`(
        metric: Metric, k: Int
    ) throws {
        let vectors = Matrix.wholeNumbers(rows: 3000, columns: 5, seed: 54)
        let queries = Matrix.wholeNumbers(rows: 40, columns: 5, seed: 55)
        var flat = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: metric)
        try flat.insert(vectors)
        let empty = try IndexConfiguration(parsing: "IVF30,F32").makeIndex(on: vectors, metric: metric)
        var lists = try #require(empty as? IVFIndex)
        try lists.insert(vectors)
        lists.effort = 30
        let expected = try flat.search(queries, count: k)
        #expect(try lists.search(queries, count: k) == expected)
        #expect(try lists.search(queries[rows: 5..<6], count: k) == [expected[5]])
        let some = RowSet(capacity: 3000) { $0 % 3 != 1 }
        #expect(
            try lists.search(queries, count: k, allowing: some)
                == flat.search(queries, count: k, allowing: some))
        // Nothing near, and all equally far.
        let far = Matrix(rows: 1, columns: 5, elements: [Float](repeating: 1e30, count: 5))
        #expect(
            try lists.search(far, count: k)[0].map(\.id) == flat.search(far, count: k)[0].map(\.id))
    }

    @Test func `vectors that come in pieces find their lists`() throws {
        let whole = try filled("IVF20,F32")
        var pieces = try index("IVF20,F32")
        for (start, end) in [(0, 1), (1, 1), (1, 1700), (1700, 3000)] {
            try pieces.insert(vectors[rows: start..<end], threads: 1)
        }
        #expect(try pieces.search(queries, count: 10) == whole.search(queries, count: 10))
        #expect(pieces.vectors(0..<3000) == vectors && pieces.vectors(7..<9) == vectors[rows: 7..<9])
    }

    @Test func `few lists are not enough for many matches, so further ones are looked through`() throws {
        var index = try filled("IVF60,F32")
        index.effort = 1
        let lists = try index.search(queries, count: 3000)
        for list in lists { #expect(Set(list.map(\.id)) == Set(0..<3000)) }
        let rare = RowSet(capacity: 3000) { $0 % 500 == 3 }
        for list in try index.search(queries, count: 10, allowing: rare, threads: 2) {
            #expect(Set(list.map(\.id)) == [3, 503, 1003, 1503, 2003, 2503])
        }
    }

    @Test func `effort is chosen by recall`() throws {
        var index = try filled("IVF40,SQ8,Refine(F32)")
        let reached = try index.chooseEffort(recall: 0.95, queries: queries, count: 10)
        #expect(reached.recall >= 0.95 && reached.effort < 40)
        #expect(abs(try recall(index) - reached.recall) < 1e-9)
    }

    @Test(arguments: [
        "IVF12,F32", "IVF12,PQ4x4fs,Refine(SQ8)", "IVF12,PQ4x4fs,Tiered(F32)", "IVF12,B1", "IVF1,PCA8,SQ4",
        "IVF3000,F16", "IVF12r,PQ4x4fs,Refine(SQ8)", "IVF12rb_HNSW4,SQ8", "IVF12r,B1",
    ])
    func `lists that were saved find the same`(factory: String) throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let empty = try index(factory, metric: .cosine)
            let writer = try CollectionWriter(url, index: empty)
            try writer.append(vectors[rows: 0..<1000])
            try writer.append(vectors[rows: 1000..<3000])
            try writer.finish()
            var expected = empty
            try expected.insert(vectors[rows: 0..<1000], threads: 1)
            try expected.insert(vectors[rows: 1000..<3000], threads: 2)
            let file = try CollectionFile(url)
            try file.verify()
            #expect(file.details.factory.description == factory)
            #expect(try file.index.search(queries, count: 9) == expected.search(queries, count: 9))
            #expect(file.index.vectors(10..<20) == expected.vectors(10..<20))
            #expect(file.index.bytesPerVector == expected.bytesPerVector)
        }
    }

    @Test(arguments: [("IVF30,SQ8", 3), ("IVF30r_HNSW4,PQ4x4fs,Refine(SQ8)", 6)])
    func `damage with matching checksums never stops the program`(factory: String, sections: Int) throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            var index = try filled(factory)
            _ = index.remove(stride(from: 0, to: 3000, by: 7))
            try CollectionWriter(url, index: index).finish()
            try CollectionDamage.inflict(
                on: url, sections: ["list", "graph"], count: sections, most: 8, seed: 53
            ) { file in
                var index = try #require(file.index as? IVFIndex)
                for list in try index.search(queries, count: 3) {
                    #expect(list.allSatisfy { (0..<index.idBound).contains($0.id) })
                }
                _ = index.remove([1, 2, 3])
                try index.insert(vectors[rows: 0..<3], threads: 1)
                try file.verify()
            }
        }
    }

    @Test func `a damaged graph over the centres is made anew`() throws {
        try withFolder { folder in
            let (url, mended) = (folder.appending(path: "c.kukla"), folder.appending(path: "d.kukla"))
            let index = try filled("IVF30r_HNSW4,SQ8")
            try CollectionWriter(url, index: index).finish()
            var bytes = [UInt8](try Data(contentsOf: url))
            let place = try #require(try CollectionFile(url).sections.first { $0.name == "graph-links" })
            bytes[place.offset + place.length / 2] ^= 0x10
            try Data(bytes).write(to: url)
            expectError(.badData, "'graph-links'") { try CollectionFile(url) }
            let without = try CollectionFile(url, ignoresGraph: true)
            #expect(try without.index.search(queries, count: 9) == index.search(queries, count: 9))
            #expect(try without.rebuild(to: mended) == 3000)
            let whole = try CollectionFile(mended)
            try whole.verify()
            #expect(try whole.index.search(queries, count: 9) == index.search(queries, count: 9))
        }
    }

    // MARK: - Residuals

    @Test(
        arguments: [
            ("F32", 1e-4), ("F16", 1e-4), ("SQ8", 1e-4), ("PQ4", 1e-4), ("PCA8,SQ8", 1e-4),
            ("MRL8,F32", 1e-4), ("OPQ4,PQ4", 1e-4), ("PQ4x4fs", 0.03), ("B1", 0.03), ("RQ4", 0.03),
        ], Metric.allCases)
    func `scores over residuals are those of the vectors they stand for`(
        codec: (word: String, tolerance: Double), metric: Metric
    ) throws {
        // Squares that decoding loses do not count as distance there.
        guard codec.word != "RQ4" || metric != .squaredEuclidean else { return }
        var index = try filled("IVF20r,\(codec.word)", metric: metric)
        index.effort = 20
        let decoded = index.vectors(0..<3000)
        let asked = try queries.prepared(for: metric, role: "query")
        for (query, list) in try index.search(queries, count: 3000).prefix(10).enumerated() {
            let spread = Double(list[0].score - list[2999].score)
            for match in list {
                let (a, b) = (asked.row(query), decoded.row(match.id))
                let score =
                    metric == .squaredEuclidean
                    ? -zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
                    : zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                #expect(abs(score - Double(match.score)) <= codec.tolerance * spread + 1e-5)
            }
        }
    }

    /// Not by inner product, where codes of whole vectors have their lengths exactly.
    @Test(arguments: Metric.allCases.filter { $0 != .innerProduct })
    func `codes of residuals are finer`(metric: Metric) throws {
        var (plain, residual) = try (
            filled("IVF20,PQ4x4fs", metric: metric), filled("IVF20r,PQ4x4fs", metric: metric)
        )
        (plain.effort, residual.effort) = (5, 5)
        let (a, b) = try (recall(plain), recall(residual))
        #expect(b > a + 0.03, "recall \(b) of residuals, \(a) of vectors")
    }

    @Test func `codecs that cannot code residuals are refused`() throws {
        expectError(.usage, "directions") { try index("IVF20r,RBE16x2", metric: .cosine) }
        expectError(.usage, "PCAW") { try index("IVF20r,PCAW8,SQ8", metric: .innerProduct) }
        let codec = try CodecConfiguration(parsing: "SQ8").train(on: vectors, metric: .cosine)
        expectError(.usage, "trained before") {
            try IndexConfiguration(parsing: "IVF20r,SQ8").makeIndex(
                on: vectors, metric: .cosine, codec: codec)
        }
    }

    // MARK: - Balance and the graph over centres

    @Test func `balanced lists have a largest one`() throws {
        // Four vectors of five in one of twenty clusters.
        let dense = Matrix.clustered(rows: 600, columns: 16, seed: 56)
        var random = RandomSource(seed: 57)
        let skewed = Matrix(rows: 3000, columns: 16) { out in
            for i in 0..<3000 * 16 {
                out[i] = i < 600 * 16 ? dense[i / 16, i % 16] : dense[0, i % 16] + 0.1 * random.normal()
            }
        }
        func filled(_ word: String, pieces: Int) throws -> IVFIndex {
            let empty = try IndexConfiguration(parsing: word).makeIndex(on: skewed, metric: .squaredEuclidean)
            var index = try #require(empty as? IVFIndex)
            for start in stride(from: 0, to: 3000, by: 3000 / pieces) {
                try index.insert(skewed[rows: start..<start + 3000 / pieces])
            }
            return index
        }
        let plain = try filled("IVF40,F32", pieces: 1).balance
        #expect(plain.largest > 150, "\(plain)")
        for pieces in [1, 10] {
            let balanced = try filled("IVF40b,F32", pieces: pieces).balance
            #expect(balanced.largest <= 113 && balanced.imbalance < 1.5, "\(balanced), not \(plain)")
        }
        var index = try filled("IVF40b,F32", pieces: 1)
        index.effort = 40
        #expect(try index.search(skewed[rows: 0..<1], count: 3000)[0].count == 3000)
    }

    @Test(arguments: [Metric.cosine, .innerProduct, .squaredEuclidean])
    func `a graph finds the centres that comparing all finds`(metric: Metric) throws {
        let vectors = Matrix.clustered(rows: 12_000, columns: 16, seed: 58)
        var found: [(recall: Double, comparisons: Int)] = []
        for word in ["IVF1024,F32", "IVF1024_HNSW16,F32"] {
            let empty = try IndexConfiguration(parsing: word).makeIndex(on: vectors, metric: metric)
            var index = try #require(empty as? IVFIndex)
            try index.insert(vectors)
            index.effort = 16
            let exact = try index.exactSearch(queries, count: 10, threads: 2).map { Set($0.map(\.id)) }
            let counter = ComparisonCounter()
            index.comparisonCounter = counter
            let hits = try zip(index.search(queries, count: 10), exact).reduce(0) {
                $0 + $1.1.intersection($1.0.map(\.id)).count
            }
            found.append((Double(hits) / Double(10 * queries.rows), counter.count))
        }
        #expect(found[1].recall > found[0].recall - 0.01, "\(found)")
        #expect(found[1].comparisons < found[0].comparisons * 3 / 4, "\(found)")
    }

    // MARK: - Removal

    @Test(arguments: ["IVF20,F32", "IVF20r,PQ4x4fs", "IVF20_HNSW4,B1,Refine(F32)", "IVF20b,SQ4"])
    func `what was removed is gone and the rest is found as before`(factory: String) throws {
        var index = try filled(factory)
        index.effort = 20
        let whole = index
        let before = try index.search(queries, count: 3000)
        var random = RandomSource(seed: 59)
        let gone = Set((0..<3000).filter { _ in random.uniform() < 0.4 })
        #expect(index.remove(gone.union([-5, 3000, 1 << 40])) == gone.count)
        #expect(index.remove(gone) == 0)
        #expect(index.count == 3000 - gone.count && index.idBound == 3000)
        for (left, all) in try zip(index.search(queries, count: index.count), before) {
            // With a refinement the factor says how many of all are ranked again: here all.
            // Scores may round otherwise where a vector has moved up, and two that are the same but for that change places.
            let expected = all.filter { !gone.contains($0.id) }
            #expect(left.count == expected.count && Set(left.map(\.id)) == Set(expected.map(\.id)))
            for (match, other) in zip(left, expected) {
                #expect(abs(match.score - other.score) <= 1e-5 * (1 + abs(other.score)))
            }
        }
        let odd = RowSet(capacity: 3000) { $0 % 2 == 1 }
        for list in try index.search(queries, count: 10, allowing: odd, threads: 2) {
            #expect(list.count == 10 && list.allSatisfy { $0.id % 2 == 1 && !gone.contains($0.id) })
        }
        let places = (0..<index.count).map { index.id(at: $0) }
        #expect(places == (0..<3000).filter { !gone.contains($0) })
        #expect(index.vectors(0..<index.count) == whole.vectors(0..<3000).gathering(rows: places))
        let exact = try index.exactSearch(queries, count: 5, threads: 2).joined()
        #expect(exact.allSatisfy { !gone.contains($0.id) })
        // Ids are never used twice, and the copy of before is as it was.
        try index.insert(vectors[rows: 0..<100], threads: 2)
        #expect(index.idBound == 3100 && index.id(at: index.count - 1) == 3099)
        #expect(try whole.search(queries, count: 3000) == before)
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, index: index).finish()
            let file = try CollectionFile(url)
            try file.verify()
            #expect(file.index.idBound == 3100 && file.index.count == index.count)
            #expect(try file.index.search(queries, count: 50) == index.search(queries, count: 50))
            // What is mapped can be changed in memory: also half-filled blocks take further vectors.
            var opened = try #require(file.index as? IVFIndex)
            #expect(opened.remove(0..<1500) == index.remove(0..<1500))
            try opened.insert(vectors[rows: 0..<77])
            try index.insert(vectors[rows: 0..<77])
            #expect(try opened.search(queries, count: 50) == index.search(queries, count: 50))
        }
    }

    @Test func `lists of which all was removed are empty and can be filled`() throws {
        var index = try filled("IVF20r,PQ4x4fs")
        #expect(index.remove(0..<3000) == 3000)
        expectError(.usage, "empty") { try index.search(queries, count: 1) }
        try index.insert(vectors[rows: 300..<310], threads: 1)
        #expect(try Set(index.search(queries[rows: 0..<1], count: 10)[0].map(\.id)) == Set(3000..<3010))
    }

    @Test func `more lists than vectors are refused`() throws {
        expectError(.badData, "at least 3001") { try index("IVF3001,F32") }
        // As many as there are: every vector alone, and copies do not matter.
        let same = Matrix(rows: 10, columns: 2, elements: [Float](repeating: 3, count: 20))
        var equal = try IndexConfiguration(parsing: "IVF10,F32").makeIndex(
            on: same, metric: .squaredEuclidean)
        try equal.insert(same, threads: 1)
        #expect(try Set(equal.search(same[rows: 0..<1], count: 10)[0].map(\.id)) == Set(0..<10))
    }
}
