import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

@Suite struct TextTuplesTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "kukla-tuples-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    @Test func `rows with negatives and tasks are read as they were written`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "rows.jsonl")
        let rows = [["a \"b\"", "c\n", "d", "e"], ["f", "g", "h", "i"]]
        for tuples in [
            TextTuples(rows: rows), TextTuples(rows: rows.map { Array($0.prefix(2)) }),
            TextTuples(rows: rows, tasks: [.init("find"), nil]),
            TextTuples(rows: rows, tasks: [nil, .init("alike", isSymmetric: true)]),
        ] {
            try tuples.write(to: url)
            #expect(try TextTuples.readAll(url) == tuples)
        }
        #expect(throws: KuklaError.self) {
            try TextTuples(rows: rows).write(to: folder.appending(path: "a.tsv"))
        }
    }

    @Test func `broken rows are refused with their line`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appending(path: "rows.jsonl")
        for bad in [
            "{\"anchor\": \"a\", \"positive\": \"b\", \"negatives\": \"c\"}",
            "{\"anchor\": \"a\", \"positive\": \"b\", \"negatives\": [1]}",
            "{\"anchor\": \"a\", \"positive\": \"b\", \"negatives\": [\"\", \"x\"]}",
            "{\"anchor\": \"a\", \"positive\": \"b\", \"negatives\": [\"c\"]}",
        ] {
            try "[\"a\", \"b\", \"c\", \"d\"]\n\(bad)\n".write(to: url, atomically: true, encoding: .utf8)
            let error = #expect(throws: KuklaError.self, "\(bad)") { try TextTuples.readAll(url) }
            #expect(error?.message.contains("2") == true)
        }
    }
}
