import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct GraphFileTests {
    private let vectors = Matrix.clustered(rows: 1500, columns: 8, seed: 41)
    private let queries = Matrix.clustered(rows: 20, columns: 8, seed: 42)

    private func index(_ factory: String, count: Int = 1500) throws -> HNSWIndex {
        let empty = try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: .squaredEuclidean)
        var index = try #require(empty as? HNSWIndex)
        try index.insert(vectors[rows: 0..<count], threads: 2)
        return index
    }

    @Test(arguments: [
        "HNSW4_50,F32", "HNSW8,SQ8", "HNSW8,B1,Refine(SQ8)", "HNSW8,B1,Tiered(SQ8)", "HNSW16_20,PCA4,PQ4",
        "HNSW8,RBE12x2,Refine(RBE12x4)",
    ])
    func `a graph that was saved finds the same`(factory: String) throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let empty = try IndexConfiguration(parsing: factory).makeIndex(
                on: vectors, metric: factory.contains("RBE") ? .cosine : .squaredEuclidean)
            let writer = try CollectionWriter(url, index: empty)
            for start in stride(from: 0, to: 1500, by: 500) {
                try writer.append(
                    vectors[rows: start..<start + 500], ids: (start..<start + 500).map { .text("v\($0)") },
                    texts: (start..<start + 500).map { "text \($0)" })
            }
            try writer.finish()
            var expected = try #require(empty as? HNSWIndex)
            for start in stride(from: 0, to: 1500, by: 500) {
                try expected.insert(vectors[rows: start..<start + 500], threads: 1)
            }
            let file = try CollectionFile(url)
            try file.verify()
            #expect(file.details.factory.description == factory && file.details.count == 1500)
            var opened = try #require(file.index as? HNSWIndex)
            #expect(try opened.search(queries, count: 9) == expected.search(queries, count: 9))
            #expect(opened.vectors(0..<1500) == expected.vectors(0..<1500))
            #expect(opened.diagnosis() == expected.diagnosis())
            let hit = try file.search(queries, count: 1)[0][0]
            #expect(hit.id == .text("v\(hit.match.id)") && hit.text == "text \(hit.match.id)")
            // What is mapped can be changed in memory, and the file stays as it is.
            #expect(opened.remove(0..<700) == 700 && expected.remove(0..<700) == 700)
            try opened.insert(vectors[rows: 0..<300], threads: 2)
            try expected.insert(vectors[rows: 0..<300], threads: 2)
            #expect(try opened.search(queries, count: 9) == expected.search(queries, count: 9))
            try CollectionFile(url).verify()
        }
    }

    @Test func `an index of which vectors were removed can be saved`() throws {
        try withFolder { folder in
            var index = try index("HNSW8,F32")
            #expect(index.remove(stride(from: 0, to: 1500, by: 3)) == 500)
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, index: index).finish()
            let file = try CollectionFile(url)
            try file.verify()
            #expect(file.index.count == 1000 && file.index.idBound == 1500)
            #expect(try file.index.search(queries, count: 5) == index.search(queries, count: 5))
            let hit = try file.search(vectors[rows: 1499..<1500], count: 1)[0][0]
            #expect(hit.id == .number(1499) && hit.match.distance == 0)
        }
    }

    @Test(arguments: ["graph", "graph-links", "graph-upper", "graph-ids", "codes"])
    func `a damaged section is named, and the vectors are there without the graph`(section: String) throws {
        try withFolder { folder in
            var index = try index("HNSW8,F32", count: 400)
            _ = index.remove([7])
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, index: index).finish()
            var bytes = [UInt8](try Data(contentsOf: url))
            let place = try #require(try CollectionFile(url).sections.first { $0.name == section })
            bytes[place.offset + place.length / 2] ^= 0x10
            try Data(bytes).write(to: url)
            expectError(.badData, "'\(section)'") { try CollectionFile(url) }
            guard section != "codes" else { return }
            let flat = try CollectionFile(url, ignoresGraph: true).index
            #expect(flat.vectors(0..<399) == index.vectors(0..<399))
        }
    }

    /// Damage whose checksums are right again.
    @Test func `links and counts that lie never stop the program`() throws {
        try withFolder { folder in
            var index = try index("HNSW2_10,F32", count: 300)
            _ = index.remove([7])
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, index: index).finish()
            try CollectionDamage.inflict(on: url, sections: ["graph"], count: 4, most: 20, seed: 43) { file in
                var index = try #require(file.index as? HNSWIndex)
                index.effort = 4
                for list in try index.search(queries, count: 3) {
                    #expect(list.count == 3 && list.allSatisfy { (0..<index.idBound).contains($0.id) })
                }
                let allowed = RowSet(capacity: min(index.idBound, 1 << 20)) { $0 % 2 == 0 }
                if index.idBound <= 1 << 20 {
                    _ = try index.search(queries, count: 3, allowing: allowed, threads: 1)
                }
                _ = index.diagnosis()
                _ = index.remove([1, 2, 3])
                try index.insert(vectors[rows: 0..<3], threads: 1)
                try file.verify()
            }
        }
    }
}
