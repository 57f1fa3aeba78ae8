import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

/// Adding to and removing from collections that were saved.
@Suite struct CollectionUpdateTests {
    static let vectors = Matrix.clustered(rows: 1000, columns: 16, seed: 31)

    /// The first 700 vectors, named `v0` to `v699`, as a file of `factory`.
    private func collection(_ factory: String, in folder: URL, isNamed: Bool = true) throws -> CollectionFile
    {
        let url = folder.appending(path: "c.kukla")
        let empty = try IndexConfiguration(parsing: factory).makeIndex(
            on: Self.vectors, metric: .squaredEuclidean)
        let writer = try CollectionWriter(url, index: empty)
        try writer.append(
            Self.vectors[rows: 0..<700], ids: isNamed ? (0..<700).map { .text("v\($0)") } : nil,
            texts: (0..<700).map { "text \($0)" })
        try writer.finish()
        return try CollectionFile(url)
    }

    /// Searches for every vector of `rows` by itself: which of them are found first, by name and text.
    private func found(_ rows: [Int], in file: CollectionFile) throws -> [Int] {
        let hits = try file.search(
            Self.vectors.gathering(rows: rows), count: 1, effort: file.index is FlatIndex ? nil : 1000)
        return zip(rows, hits).filter { row, hits in
            hits[0].id.description.hasSuffix("\(row)") && hits[0].text == "text \(row)"
        }.map(\.0)
    }

    private static let factories = [
        "F32", "SQ8,Refine(F32)", "PQ16x4fs,Refine(F32)", "HNSW8,F32", "HNSW8,SQ8,Refine(F32)", "IVF12,F32",
        "IVF12,PQ16x4fs,Refine(F32)",
    ]

    @Test(arguments: factories)
    func `what was added and what stayed is found, what was removed is not`(factory: String) throws {
        try withFolder { folder in
            let old = try collection(factory, in: folder)
            let url = old.url
            let gone = Set(stride(from: 3, to: 700, by: 7))
            var removed = RowSet(capacity: 700)
            for row in gone { removed.insert(row) }
            #expect(try old.rows(of: gone.map { .text("v\($0)") } + [.text("nobody")]) == removed)
            let writer = try CollectionWriter(url, updating: old, removing: removed)
            for rows in [700..<703, 703..<1000] {
                try writer.append(
                    Self.vectors[rows: rows], ids: rows.map { .text("v\($0)") },
                    texts: rows.map { "text \($0)" })
            }
            try writer.finish()
            let new = try CollectionFile(url)
            try new.verify()
            let left = (0..<1000).filter { !gone.contains($0) }
            #expect(new.index.count == left.count && new.details.effort == old.details.effort)
            #expect(try found(left, in: new).count >= left.count - 1, "\(factory)")
            #expect(try found(gone.sorted(), in: new).isEmpty)
            for hits in try new.search(Self.vectors[rows: 0..<3], count: left.count) {
                #expect(Set(hits.map(\.id.description)) == Set(left.map { "v\($0)" }))
            }
            // Who had the old one open still searches it.
            #expect(try found(Array(gone), in: old).count == gone.count)
            // Then all goes, and something comes.
            let none = try CollectionWriter(
                url, updating: new, removing: new.rows(of: left.map { .text("v\($0)") }))
            try none.finish()
            let empty = try CollectionFile(url)
            try empty.verify()
            #expect(empty.index.count == 0)
            expectError(.usage, "empty") { try empty.search(Self.vectors[rows: 0..<1], count: 1) }
            let last = try CollectionWriter(url, updating: empty)
            try last.append(
                Self.vectors[rows: 5..<7], ids: [.text("v5"), .text("v6")], texts: ["text 5", "text 6"])
            try last.finish()
            #expect(try found([5, 6], in: CollectionFile(url)) == [5, 6])
        }
    }

    @Test(arguments: ["F32", "HNSW8,F32", "IVF12,F32"])
    func `items without ids keep the numbers of their rows`(factory: String) throws {
        try withFolder { folder in
            let old = try collection(factory, in: folder, isNamed: false)
            try CollectionWriter(
                old.url, updating: old, removing: old.rows(of: [.number(0), .number(699), .number(9999)])
            ).finish()
            let new = try CollectionFile(old.url)
            #expect(new.index.count == 698)
            let rows = Array(1..<699)
            #expect(try found(rows, in: new) == rows)
        }
    }

    @Test func `an id that is there is refused, one that was removed is free`() throws {
        try withFolder { folder in
            for factory in ["F32", "HNSW8,F32"] {
                let old = try collection(factory, in: folder)
                let bytes = try Data(contentsOf: old.url)
                func add(_ id: String, removing: [String]) throws {
                    let writer = try CollectionWriter(
                        old.url, updating: old, removing: old.rows(of: removing.map { .text($0) }))
                    try writer.append(Self.vectors[rows: 700..<701], ids: [.text(id)], texts: ["x"])
                    try writer.finish()
                }
                expectError(.badData, "'v5': row 5 has that name") { try add("v5", removing: []) }
                expectError(.badData, "'v5'") { try add("v5", removing: ["v6"]) }
                #expect(try Data(contentsOf: old.url) == bytes)
                try add("v5", removing: ["v5"])
                let new = try CollectionFile(old.url)
                let hit = try new.search(Self.vectors[rows: 700..<701], count: 1)[0][0]
                #expect(hit.id == .text("v5") && hit.text == "x" && new.index.count == 700)
                // Again, over the graph's trace of the first.
                try CollectionWriter(old.url, updating: new, removing: new.rows(of: [.text("v5")])).finish()
                #expect(try CollectionFile(old.url).index.count == 699)
            }
            let writer = try CollectionWriter(
                folder.appending(path: "d.kukla"),
                index: try IndexConfiguration(parsing: "F32").makeIndex(
                    on: Self.vectors, metric: .cosine))
            try writer.append(Self.vectors[rows: 0..<1], ids: [.number(7)])
            expectError(.badData, "row 1 '7': row 0") {
                try writer.append(Self.vectors[rows: 1..<2], ids: [.number(7)])
            }
        }
    }

    @Test func `a graph that grows by a hundredth is not built anew`() throws {
        try withFolder { folder in
            let old = try collection("HNSW8,F32", in: folder)
            let before = try #require(old.index as? HNSWIndex)
            let writer = try CollectionWriter(old.url, updating: old)
            try writer.append(
                Self.vectors[rows: 700..<707], ids: (700..<707).map { .text("v\($0)") },
                texts: (700..<707).map { "text \($0)" })
            try writer.finish()
            let after = try #require(try CollectionFile(old.url).index as? HNSWIndex)
            // The same as when the vectors had been inserted into the index that was saved, in memory.
            var expected = before
            try expected.insert(Self.vectors[rows: 700..<707])
            #expect(after.diagnosis() == expected.diagnosis())
            #expect(
                try after.search(Self.vectors, count: 5) == expected.search(Self.vectors, count: 5))
        }
    }
}
