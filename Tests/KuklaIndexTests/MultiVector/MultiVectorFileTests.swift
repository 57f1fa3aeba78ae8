import Foundation
import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct MultiVectorFileTests {
    private let documents = unitSets((0..<30).map { $0 % 5 }, dimensions: 8, seed: 21, around: nil)
    private let queries = unitSets([2, 3], dimensions: 8, seed: 22, around: nil)

    @Test(arguments: ["FDE4x3x4,SQ8,MaxSim(candidates=12)", "FDE2x2(seed=9,fill=no),PQ8x4fs,Refine(F16)"])
    func `a file searches as the index that it was written from`(factory: String) throws {
        try withFolder { folder in
            let url = folder.appending(path: "m.kukla")
            let empty = try MultiVectorConfiguration(parsing: factory).train(on: documents, metric: .cosine)
            var index = empty
            try index.insert(documents)
            let origin = CollectionDetails.Origin(model: "MiniLM")
            let writer = try MultiVectorWriter(url, index: empty, origin: origin)
            for range in [0..<7, 7..<7, 7..<30] {
                try writer.append(
                    documents[sets: range], ids: range.map { .text("d\($0)") },
                    texts: range.map { "text \($0)" })
            }
            try writer.finish()
            let file = try MultiVectorFile(url)
            try file.collection.verify()
            #expect("\(file.index.configuration)" == factory && file.index.metric == .cosine)
            #expect(file.index.count == 30 && (0..<30).allSatisfy { file.index[$0] == index[$0] })
            let found = try index.search(queries, count: 5)
            #expect(try file.index.search(queries, count: 5) == found)
            #expect(try file.index.exactSearch(queries, count: 5) == index.exactSearch(queries, count: 5))
            let hits = try file.search(queries, count: 5)
            #expect(hits.map { $0.map(\.match) } == found)
            #expect(
                hits[0][0].id == .text("d\(found[0][0].id)") && hits[0][0].text == "text \(found[0][0].id)")
            #expect(file.collection.details.origin == origin)
            // What was opened can grow: the new documents lie in memory of its own.
            if file.index.inner.codec.layout.vectorsPerBlock == 1 {
                var grown = file.index
                try grown.insert(documents[sets: 3..<4])
                #expect(grown.count == 31 && grown[30] == index[3] && file.index.count == 30)
            }
        }
    }

    @Test func `a collection of single vectors is told apart`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            let index = try IndexConfiguration(parsing: "F32").train(on: documents.vectors, metric: .cosine)
            try CollectionWriter(url, codec: index.codec).finish()
            expectError(.badData, "single vectors") { try MultiVectorFile(url) }
        }
    }

    @Test func `an empty file and one that failed`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "m.kukla")
            let empty = try MultiVectorConfiguration(parsing: "FDE4x3").train(on: documents, metric: .cosine)
            try MultiVectorWriter(url, index: empty).finish()
            #expect(try MultiVectorFile(url).index.count == 0)
            let before = try Data(contentsOf: url)
            expectError(.badData, "vector 61") {
                let writer = try MultiVectorWriter(url, index: empty)
                try writer.append(documents)
                try writer.append(
                    VectorSets(
                        vectors: Matrix(
                            rows: 2, columns: 8, elements: [1] + [Float](repeating: 0, count: 15)),
                        offsets: [0, 2]))
            }
            #expect(try Data(contentsOf: url) == before)
        }
    }

    @Test(arguments: [
        ("\"dimensions\":8", "\"dimensions\":0", "range"),
        ("\"dimensions\":8", "\"dimensions\":7", "7 components"),
        ("\"dimensions\":8", "\"dimensions\":-8", "range"),
        ("\"candidates\":200", "\"candidates\":0", "range"),
        ("FDE4x3x4", "FDE4x3x5", "encodings"), ("FDE4x3x4", "FDE4y3x4", "no encoding"),
        ("FDE4x3x4", "FDE4x99x4", "no encoding"), ("\"cosine\"", "\"l2\"", "range"),
        ("\"cosine\"", "\"cosin\"", "JSON"),
    ])
    func `details that fit nothing are refused`(from: String, to: String, answer: String) throws {
        try withSample { url, bytes in
            var changed = bytes
            let section = try CollectionFile(url).sections.first { $0.name == "multi-vector" }!
            let old = String(decoding: bytes[section.offset..<section.offset + section.length], as: UTF8.self)
            var new = Array(old.replacingOccurrences(of: from, with: to).utf8)
            #expect(new != Array(old.utf8))
            // Blanks keep the length; there is room up to the next section for one longer by a byte or two.
            new += [UInt8](repeating: 0x20, count: max(0, section.length - new.count))
            changed.replaceSubrange(section.offset..<section.offset + new.count, with: new)
            let table = changed.count - 64 * (try CollectionFile(url).sections.count)
            for entry in stride(from: table, to: changed.count, by: 64)
            where changed[entry..<entry + 13].elementsEqual("multi-vector\0".utf8) {
                changed.replaceSubrange(
                    entry + 32..<entry + 40, with: CollectionDamage.littleEndian(UInt64(new.count)))
            }
            CollectionDamage.mendChecksums(&changed)
            try Data(changed).write(to: url)
            expectError(.badData, answer) { try MultiVectorFile(url) }
        }
    }

    @Test func `damage with matching checksums never stops the program`() throws {
        var random = RandomSource(seed: 31)
        try withSample { url, bytes in
            let sections = try CollectionFile(url).sections.filter {
                ["multi-vector", "vectors", "vectors-offset"].contains($0.name)
            }
            for _ in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let section = sections.randomElement(using: &random)!
                    let position = Int.random(
                        in: section.offset..<section.offset + section.length, using: &random)
                    damaged[position] =
                        Bool.random(using: &random) ? 0xFF : UInt8.random(in: 0...255, using: &random)
                }
                CollectionDamage.mendChecksums(&damaged)
                try Data(damaged).write(to: url)
                do {
                    let file = try MultiVectorFile(url)
                    if file.index.dimensions == 8 { _ = try file.search(queries, count: 2) }
                } catch is KuklaError {
                    // Refused in words: what is wanted.
                }
            }
        }
    }

    private func withSample(_ body: (URL, [UInt8]) throws -> Void) throws {
        try withFolder { folder in
            let url = folder.appending(path: "m.kukla")
            let empty = try MultiVectorConfiguration(parsing: "FDE4x3x4,SQ8").train(
                on: documents, metric: .cosine)
            let writer = try MultiVectorWriter(url, index: empty)
            try writer.append(documents)
            try writer.finish()
            try body(url, [UInt8](try Data(contentsOf: url)))
        }
    }
}
