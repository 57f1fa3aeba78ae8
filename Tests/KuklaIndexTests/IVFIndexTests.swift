import Foundation
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

    @Test(arguments: ["IVF12,F32", "IVF12,PQ4x4fs,Refine(SQ8)", "IVF12,B1", "IVF1,PCA8,SQ4", "IVF3000,F16"])
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

    @Test func `damage with matching checksums never stops the program`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, index: filled("IVF30,SQ8")).finish()
            let bytes = [UInt8](try Data(contentsOf: url))
            let sections = try CollectionFile(url).sections.filter { $0.name.hasPrefix("list") }
            #expect(sections.count == 3)
            var random = RandomSource(seed: 53)
            var (refused, named) = (0, 0)
            for round in 0..<600 {
                var damaged = bytes
                let section = sections[round % 3]
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    let position = section.offset + Int.random(in: 0..<section.length, using: &random)
                    damaged[position] = [0, 1, 0x7F, 0xFF, UInt8(round % 256)].randomElement(using: &random)!
                }
                CollectionDamage.mendChecksums(&damaged)
                try Data(damaged).write(to: url)
                do {
                    let file = try CollectionFile(url)
                    for list in try file.index.search(queries, count: 3) {
                        #expect(list.allSatisfy { (0..<3000).contains($0.id) })
                    }
                    try file.verify()
                } catch let error as KuklaError {
                    refused += 1
                    named += error.message.contains("'list") ? 1 : 0
                }
            }
            #expect(refused > 150 && named == refused, "\(refused) refused, \(named) by name")
        }
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
