import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

/// How hard searches look: chosen by recall, kept in the file, counted.
@Suite struct EffortTests {
    private let vectors = Matrix.random(rows: 3000, columns: 24, seed: 51)
    private let queries = Matrix.random(rows: 200, columns: 24, seed: 52)

    private func index(_ factory: String) throws -> any ApproximateIndex & CodedIndex {
        var index = try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: .cosine)
        try index.insert(vectors, threads: 2)
        return try #require(index as? any ApproximateIndex & CodedIndex)
    }

    @Test func `stored vectors stand in for queries, and leave the index as it was`() throws {
        var index = try index("HNSW8,F32")
        let before = try index.search(queries, count: 5)
        let measured = try index.chooseEffort(recall: 0.9, sampling: 200, seed: 3)
        #expect(measured.recall >= 0.9 && index.effort == measured.effort && index.count == 3000)
        // What was promised holds for queries that the index never saw, but for the error of 200 queries.
        let exact = try index.exactSearch(queries, count: 10, threads: 2).map { $0.map(\.id) }
        let found = try index.measureEffort(queries, exact: exact, count: 10).recall
        #expect(found > 0.87, "\(found), promised \(measured)")
        index.effort = HNSWIndex.defaultEffort
        #expect(try index.search(queries, count: 5) == before)
    }

    @Test(arguments: ["HNSW8,F32", "IVF20,F32"])
    func `comparisons are counted, and grow with the effort`(_ factory: String) throws {
        var index = try index(factory)
        let counter = ComparisonCounter()
        index.comparisonCounter = counter
        var counts: [Int] = []
        for effort in [1, 4, 16] {
            index.effort = effort
            let before = counter.count
            _ = try index.search(queries, count: 1, allowing: nil, threads: 2)
            counts.append(counter.count - before)
        }
        #expect(counts[0] >= 200 && counts[0] < counts[1] && counts[1] < counts[2])
        #expect(counts[2] <= 200 * (3000 + 20))
        if factory.hasPrefix("IVF") {
            index.effort = index.largestEffort
            let before = counter.count
            _ = try index.search(queries, count: 1, allowing: nil, threads: 1)
            #expect(counter.count - before == 200 * (3000 + 20))
        }
    }

    @Test func `the file keeps the effort, and a search may take another`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let empty = try IndexConfiguration(parsing: "HNSW8,F32").makeIndex(on: vectors, metric: .cosine)
            let writer = try CollectionWriter(url, index: empty)
            try writer.append(vectors)
            #expect(try writer.withApproximateIndex { index throws(KuklaError) in index.effort = 37 })
            try writer.finish()
            let file = try CollectionFile(url)
            #expect(file.details.effort == 37 && (file.index as? any ApproximateIndex)?.effort == 37)
            let (few, many) = (
                try file.search(queries, count: 10, effort: 10),
                try file.search(queries, count: 10, effort: 3000)
            )
            #expect(few != many)
            // All are compared then: only rounding may tell the lists apart.
            let exact = try FlatIndex.exact(vectors, metric: .cosine).search(queries, count: 10)
            let same = zip(many, exact).count { $0.map(\.match.id) == $1.map(\.id) }
            #expect(same >= 199)
            let error = #expect(throws: KuklaError.self) {
                try file.search(queries, count: 10, effort: 0)
            }
            #expect(error?.code == .usage)
        }
    }

    @Test func `a flat index has no effort`() throws {
        let flat = try FlatIndex.exact(vectors, metric: .cosine)
        let error = #expect(throws: KuklaError.self) { try flat.searched(withEffort: 10) }
        #expect(error?.message.contains("compares all vectors") == true)
    }

    @Test func `a damaged graph is built anew from its file, names and texts kept`() throws {
        try withFolder { folder in
            let (url, output) = (folder.appending(path: "c.kukla"), folder.appending(path: "whole.kukla"))
            let empty = try IndexConfiguration(parsing: "HNSW8,F32").makeIndex(on: vectors, metric: .cosine)
            let writer = try CollectionWriter(url, index: empty)
            try writer.append(
                vectors, ids: (0..<3000).map { .text("v\($0)") }, texts: (0..<3000).map { "text \($0)" })
            try writer.finish()
            let whole = try CollectionFile(url)
            let graph = try #require(whole.sections.first { $0.name == "graph" })
            let expected = try whole.search(queries, count: 3)
            var bytes = try Data(contentsOf: url)
            bytes[graph.offset + 3] ^= 64
            try bytes.write(to: url)
            let error = #expect(throws: KuklaError.self) { try CollectionFile(url) }
            #expect(error?.message.contains("'graph'") == true)
            #expect(try CollectionFile(url, ignoresGraph: true).rebuild(to: output) == 3000)
            let rebuilt = try CollectionFile(output)
            try rebuilt.verify()
            let found = try rebuilt.search(queries, count: 3)
            let same = zip(found, expected).count { $0.map(\.id) == $1.map(\.id) }
            #expect(same > 150 && found[0][0].text?.hasPrefix("text ") == true)
        }
    }

    @Test(arguments: [InsertionOrder.given, .random(seed: 3)])
    func `a rebuilt graph keeps codes, names, texts and the ids of what was removed`(_ order: InsertionOrder)
        throws
    {
        try withFolder { folder in
            let (url, output) = (folder.appending(path: "c.kukla"), folder.appending(path: "whole.kukla"))
            let empty = try IndexConfiguration(parsing: "HNSW8,SQ8,Refine(F16)").makeIndex(
                on: vectors, metric: .cosine)
            let writer = try CollectionWriter(url, index: empty)
            writer.order = order
            try writer.append(
                vectors, ids: (0..<3000).map { .text("v\($0)") }, texts: (0..<3000).map { "text \($0)" })
            try writer.withApproximateIndex { index throws(KuklaError) in
                index.effort = 99
                var graph = index as? HNSWIndex
                _ = graph?.remove(stride(from: 0, to: 3000, by: 7))
                if let graph { index = graph }
            }
            try writer.finish()
            let old = try CollectionFile(url)
            let expected = try old.search(queries, count: 3, effort: 3000)
            #expect(try CollectionFile(url, ignoresGraph: true).rebuild(to: output) == old.index.count)
            let new = try CollectionFile(output)
            try new.verify()
            #expect(new.details.effort == 99 && new.index.idBound == 3000)
            #expect(new.index.vectors(0..<50) == old.index.vectors(0..<50))
            // All are compared: names, texts and scores to the last bit.
            #expect(try new.search(queries, count: 3, effort: 3000) == expected)
            #expect(expected.allSatisfy { $0.allSatisfy { hit in hit.id == .text("v\(hit.match.id)") } })
        }
    }
}

extension FlatIndex {
    fileprivate static func exact(_ vectors: Matrix, metric: Metric) throws -> FlatIndex {
        var index = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: metric)
        try index.insert(vectors)
        return index
    }
}
