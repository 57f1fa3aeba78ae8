import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct TieredIndexTests {
    private let vectors = Matrix.random(rows: 900, columns: 24, seed: 51)
    private let queries = Matrix.random(rows: 12, columns: 24, seed: 52)
    private static let structures = ["", "HNSW8,", "IVF9,"]

    private func index(_ factory: String, metric: Metric = .cosine) throws -> any CodedIndex {
        var index = try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: metric)
        if var exact = index as? any ApproximateIndex & CodedIndex {
            exact.effort = 900
            index = exact
        }
        // In pieces, so that codes wait in one file that grows.
        for start in stride(from: 0, to: 900, by: 300) {
            try index.insert(vectors[rows: start..<start + 300], threads: 2)
        }
        return index
    }

    private func saved(_ factory: String, metric: Metric = .cosine, to url: URL) throws -> CollectionFile {
        let writer = try CollectionWriter(
            url, index: IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: metric))
        for start in stride(from: 0, to: 900, by: 450) {
            try writer.append(vectors[rows: start..<start + 450])
        }
        try writer.finish()
        return try CollectionFile(url)
    }

    @Test(arguments: structures, Metric.allCases)
    func `where all are candidates the ranking is that of exact search`(structure: String, metric: Metric)
        throws
    {
        try withFolder { folder in
            // One query at a time: with several, products round otherwise, and near ties change places.
            let flat = try index("F32", metric: metric)
            let factory = structure + "SQ4,Tiered(F32,factor=900)"
            let file = try saved(factory, metric: metric, to: folder.appending(path: "c.kukla"))
            for tiered in [try index(factory, metric: metric), file.index] {
                for row in 0..<queries.rows {
                    let query = queries[rows: row..<row + 1]
                    let exact = try flat.search(query, count: 900)
                    let (isSame, isBest) = (
                        try tiered.search(query, count: 900) == exact,
                        try tiered.search(query, count: 1)[0] == [exact[0][0]]
                    )
                    #expect(isSame && isBest, "query \(row)")
                }
            }
        }
    }

    @Test(arguments: structures)
    func `exactly the candidates are read, neighbours at once`(structure: String) throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let file = try saved(structure + "SQ8,Tiered(F32,factor=7)", to: url)
            let counter = try #require(file.index.fileReads)
            #expect(counter.bytes == 0 && counter.reads == 0)
            _ = try file.index.search(queries, count: 5, threads: 3)
            #expect(counter.bytes == 12 * 35 * 96)
            #expect(counter.reads > 0 && counter.reads <= 12 * 35)
            // All of them: they lie side by side.
            let reads = counter.reads
            _ = try file.index.search(queries, count: 900, threads: 2)
            #expect(counter.bytes == 12 * (35 + 900) * 96 && counter.reads == reads + 12)
            #expect(file.index.fileBytesPerVector == 96)
            let plain = try index(structure + "SQ8")
            #expect(file.index.bytesPerVector == plain.bytesPerVector && plain.fileReads == nil)
            // Fewer allowed, fewer read.
            let before = counter.bytes
            let allowed = RowSet(capacity: 900) { $0 < 20 }
            _ = try file.index.search(queries, count: 5, allowing: allowed, threads: 2)
            #expect(counter.bytes - before == 12 * 20 * 96)
        }
    }

    @Test(arguments: structures)
    func `a tier finds what a refinement in memory finds`(structure: String) throws {
        try withFolder { folder in
            let refined = try index(structure + "B1,Refine(SQ8,factor=4)")
            let tiered = try index(structure + "B1,Tiered(SQ8,factor=4)")
            let expected = try refined.search(queries, count: 9)
            #expect(try tiered.search(queries, count: 9) == expected)
            #expect(tiered.vectors(100..<500) == refined.vectors(100..<500))
            #expect(refined.fileReads == nil && refined.fileBytesPerVector == 0)
            for threads in 1...3 {
                #expect(try tiered.search(queries, count: 9, threads: threads) == expected)
            }
        }
    }

    @Test func `the coarse score counts by its weight`() throws {
        let weighted = try index("SQ4,Tiered(F32,factor=900,weight=3)").search(queries, count: 900)
        let fine = try index("F32").search(queries, count: 900)
        let coarse = try index("SQ4").search(queries, count: 900)
        for ((list, fine), coarse) in zip(zip(weighted, fine), coarse) {
            let scores = [fine, coarse].map { Dictionary(uniqueKeysWithValues: $0.map { ($0.id, $0.score) }) }
            for match in list {
                let expected = (scores[0][match.id]! + 3 * scores[1][match.id]!) / 4
                #expect(abs(match.score - expected) < 1e-5)
            }
        }
    }

    @Test func `copies are snapshots although they share a file`() throws {
        var first = try index("SQ8,Tiered(F32)")
        var second = first
        let before = try first.search(queries, count: 20)
        let more = Matrix.random(rows: 50, columns: 24, seed: 53)
        try first.insert(more, threads: 1)
        try second.insert(queries, threads: 1)
        let third = second
        try second.insert(more, threads: 1)
        #expect(first.count == 950 && second.count == 962 && third.count == 912)
        #expect(try first.search(more, count: 1).map { $0[0].id } == Array(900..<950))
        #expect(try second.search(more, count: 1).map { $0[0].id } == Array(912..<962))
        #expect(try third.search(queries, count: 1).map { $0[0].id } == Array(900..<912))
        #expect(try index("SQ8,Tiered(F32)").search(queries, count: 20) == before)
    }

    @Test func `a collection that was opened takes further vectors`() throws {
        try withFolder { folder in
            for structure in Self.structures {
                let url = folder.appending(path: "c.kukla")
                var opened = try saved(structure + "SQ8,Tiered(F16)", to: url).index
                try opened.insert(queries, threads: 2)
                #expect(try opened.search(queries, count: 1).map { $0[0].id } == Array(900..<912))
                try CollectionFile(url).verify()
            }
        }
    }

    @Test func `a graph of which vectors were removed ranks the others by their own codes`() throws {
        var graph = try #require(try index("HNSW8,SQ8,Tiered(F32,factor=20)") as? HNSWIndex)
        let snapshot = graph
        let gone = Set(stride(from: 0, to: 900, by: 3))
        #expect(graph.remove(gone) == 300)
        let left = RowSet(capacity: 900) { !gone.contains($0) }
        let expected = try index("F32").search(queries, count: 5, allowing: left, threads: 1)
        #expect(try graph.search(queries, count: 5).map { $0.map(\.id) } == expected.map { $0.map(\.id) })
        try graph.insert(queries, threads: 1)
        #expect(try graph.search(queries, count: 1).map { $0[0].id } == Array(900..<912))
        #expect(snapshot.count == 900)
        #expect(try snapshot.search(vectors[rows: 0..<1], count: 1)[0][0].id == 0)
    }

    @Test func `a file that was replaced is still searched`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let old = try saved("SQ8,Tiered(F32)", to: url)
            let expected = try old.index.search(queries, count: 10)
            let other = Matrix.random(rows: 900, columns: 24, seed: 54)
            let empty = try IndexConfiguration(parsing: "SQ8,Tiered(F32)").makeIndex(
                on: other, metric: .cosine)
            let writer = try CollectionWriter(url, index: empty)
            try writer.append(other)
            try writer.finish()
            #expect(try old.index.search(queries, count: 10) == expected)
            #expect(try CollectionFile(url).index.search(queries, count: 10) != expected)
            try FileManager.default.removeItem(at: url)
            #expect(try old.index.search(queries, count: 10) == expected)
        }
    }

    @Test func `damage is found`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let whole = try saved("SQ8,Tiered(F32)", to: url)
            let section = try #require(whole.sections.first { $0.name == "refine-codes" })
            let bytes = try Data(contentsOf: url)
            var flipped = bytes
            flipped[section.offset + 50_000] ^= 4
            try flipped.write(to: url)
            expectError(.badData, "'refine-codes'") { try CollectionFile(url) }
            try bytes[..<(section.offset + 50_000)].write(to: url)
            expectError(.badData, "bytes") { try CollectionFile(url) }
        }
    }
}
