import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct CollectionFileTests {
    @Test(
        arguments: [
            "F32", "F16", "SQ8", "SQ4", "PCA16,SQ8", "PCA8,SQ4,Refine(SQ8,factor=5)", "MRL8,F16",
            "SQ4,Tiered(F32,factor=3)",
        ],
        Metric.allCases)
    func `what was saved is found again`(factory: String, metric: Metric) throws {
        try withFolder { folder in
            let vectors = Matrix.random(rows: 300, columns: 24, seed: 21)
            let queries = Matrix.random(rows: 9, columns: 24, seed: 22)
            var index = try IndexConfiguration(parsing: factory).train(on: vectors, metric: metric)
            let url = folder.appending(path: "c.kukla")
            let writer = try CollectionWriter(url, codec: index.codec, refinement: index.refinement)
            var row = 0
            for size in [1, 30, 0, 69, 200] {
                let piece = vectors[rows: row..<row + size]
                try writer.append(piece)
                // In the same pieces: a product of other rows may round otherwise, and a code fall on its other side.
                try index.insert(piece)
                row += size
            }
            try writer.finish()

            let file = try CollectionFile(url)
            #expect(file.details.factory.description == factory && file.details.metric == metric)
            #expect(file.details.count == 300 && file.details.dimensions == 24)
            #expect(try file.index.search(queries, count: 17) == index.search(queries, count: 17))
            #expect(try file.index.search(queries, count: 300) == index.search(queries, count: 300))
            #expect(file.index.vectors(0..<300) == index.vectors(0..<300))
            #expect(try file.id(of: 299) == .number(299) && file.text(of: 0) == nil && !file.hasTexts)
            try file.verify()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["c.kukla"])
        }
    }

    @Test func `an opened collection keeps to the rules of an index`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "c.kukla")
            try checkVectorIndex(metric: .cosine, recall: 0.98...0.998) { vectors in
                let index = try IndexConfiguration(parsing: "SQ8").train(on: vectors, metric: .cosine)
                let writer = try CollectionWriter(url, codec: index.codec)
                try writer.append(vectors)
                try writer.finish()
                return try CollectionFile(url).index
            }
        }
    }

    @Test func `names, texts, origin and plan come back`() throws {
        try withFolder { folder in
            let vectors = Matrix.random(rows: 3, columns: 4, seed: 23)
            let index = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: .cosine)
            let url = folder.appending(path: "c.kukla")
            let origin = CollectionDetails.Origin(
                model: "MiniLM", modelDimensions: 4, source: "notes.jsonl", software: "kukla 0.1",
                created: "2026-11-23T20:00:00Z")
            let writer = try CollectionWriter(
                url, codec: index.codec, origin: origin, plan: Data("{\"budget\":48}".utf8))
            try writer.append(vectors[rows: 0..<2], ids: [.text("α"), .text("")], texts: ["first ☃", ""])
            try writer.append(vectors[rows: 2..<3], ids: [.text("c")], texts: ["third"])
            try writer.finish()
            let file = try CollectionFile(url)
            #expect(file.details.origin == origin && file.plan == Data("{\"budget\":48}".utf8))
            #expect(try (0..<3).map { try file.id(of: $0) } == [.text("α"), .text(""), .text("c")])
            #expect(try (0..<3).map { try file.text(of: $0) } == ["first ☃", "", "third"])
            let hit = try file.search(vectors[rows: 2..<3], count: 1)[0][0]
            #expect(hit.id == .text("c") && hit.text == "third" && hit.match.id == 2)
            #expect(abs(hit.match.distance) < 1e-6)

            let numbers = folder.appending(path: "n.kukla")
            let second = try CollectionWriter(numbers, codec: index.codec)
            try second.append(vectors, ids: [.number(7), .number(.max), .number(0)])
            try second.finish()
            let opened = try CollectionFile(numbers)
            #expect(try (0..<3).map { try opened.id(of: $0) } == [.number(7), .number(.max), .number(0)])
            expectError(.badData, "texts for all") {
                let mixed = try CollectionWriter(folder.appending(path: "m.kukla"), codec: index.codec)
                try mixed.append(vectors, ids: [.text("a"), .number(1), .number(2)])
            }
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "m.kukla").path))
        }
    }

    @Test func `a collection without vectors can be opened`() throws {
        try withFolder { folder in
            let index = try IndexConfiguration(parsing: "F32").train(
                on: Matrix(rows: 0, columns: 4), metric: .cosine)
            let url = folder.appending(path: "c.kukla")
            try CollectionWriter(url, codec: index.codec).finish()
            let file = try CollectionFile(url)
            try file.verify()
            expectError(.usage, "empty") { try file.search(Matrix(rows: 1, columns: 4), count: 1) }
        }
    }

    @Test func `a run that fails leaves the older file`() throws {
        try withFolder { folder in
            let vectors = Matrix.random(rows: 5, columns: 4, seed: 24)
            let index = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: .cosine)
            let url = folder.appending(path: "c.kukla")
            let first = try CollectionWriter(url, codec: index.codec)
            try first.append(vectors)
            try first.finish()
            let before = try Data(contentsOf: url)
            expectError(.badData, "vector 5") {
                let second = try CollectionWriter(url, codec: index.codec)
                try second.append(vectors)
                try second.append(Matrix(rows: 1, columns: 4))
            }
            #expect(try Data(contentsOf: url) == before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["c.kukla"])
            expectError(.missingFile, "nowhere") {
                try CollectionWriter(folder.appending(path: "nowhere/c.kukla"), codec: index.codec)
            }
        }
    }
}

/// A folder of its own for `body`, gone afterwards.
func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(
        path: "kukla-index-\(UInt64.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}
