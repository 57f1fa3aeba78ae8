import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

@Suite struct ImportTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func source(_ lines: String..., name: String = "items.jsonl") throws -> ByteSource {
        let url = folder.url.appending(path: name)
        try Data(lines.joined(separator: "\n").utf8).write(to: url)
        return try ByteSource(url)
    }

    private func vectors(_ rows: Int, _ columns: Int) throws -> any VectorReader {
        let url = folder.url.appending(path: "vectors.npy")
        let writer = try NPYWriter(url, dimensions: columns)
        try writer.append(
            Matrix(rows: rows, columns: columns, elements: (0..<rows * columns).map { Float($0 + 1) }))
        try writer.commit()
        return try VectorFile.open(url)
    }

    @Test func `lines hold ids, texts, metadata and vectors`() throws {
        let reader = try ItemBatchReader(
            lines: source(
                #"{"id": "a", "text": "t", "vector": [1, 2], "metadata": {"x": 1, "y": 2}, "y": [null]}"#, "",
                #"{"_id": 7, "embedding": [3.5, -4e1], "text": null, "metadata": null}"#), dimensions: 2)
        let batch = try #require(try reader.next())
        #expect(batch.ids == [.text("a"), .number(7)])
        #expect(batch.vectors.elements == [1, 2, 3.5, -40])
        #expect(batch.texts == ["t", nil])
        #expect(batch.metadata == [["x": .integer(1), "y": .array([.null])], [:]])
        #expect(try reader.next() == nil)
    }

    @Test func `vectors stand beside lines, or alone`() throws {
        let reader = try ItemBatchReader(
            lines: source(#"{"id": "a", "n": 1}"#, #"{"text": "b"}"#), vectors: vectors(2, 3), dimensions: 3,
            firstNumber: 40)
        let batch = try #require(try reader.next())
        #expect(batch.ids == [.text("a"), .number(40)] && batch.vectors.row(1) == [4, 5, 6])
        let alone = try ItemBatchReader(
            lines: nil, vectors: vectors(3, 3), dimensions: 3, firstNumber: 5)
        #expect(try alone.next()?.ids == [.number(5), .number(6), .number(7)])
        let few = try ItemBatchReader(
            lines: source(#"{"id": "a"}"#), vectors: vectors(2, 3), dimensions: 3)
        #expect(failure { _ = try few.next() }?.message.contains("more vectors") == true)
        let many = try ItemBatchReader(
            lines: source(#"{"id": "a"}"#, #"{"id": "b"}"#), vectors: vectors(1, 3), dimensions: 3)
        _ = try many.next()
        #expect(failure { _ = try many.next() }?.message.contains("line 2") == true)
    }

    @Test func `texts without vectors are embedded, in their places`() throws {
        let reader = try ItemBatchReader(
            lines: source(
                #"{"id": 1, "text": "xx"}"#, #"{"id": 2, "vector": [9]}"#, #"{"id": 3, "text": "yyyy"}"#),
            dimensions: 1
        ) { texts in
            Matrix(rows: texts.count, columns: 1, elements: texts.map { Float($0.count) })
        }
        #expect(try reader.next()?.vectors.elements == [2, 9, 4])
    }

    @Test(arguments: [
        #"{"id": "a", "vector": [1]}"#, #"{"id": "a"}"#, #"{"vector": [1, 2]}"#,
        #"{"id": 1.5, "vector": [1, 2]}"#,
        #"{"id": -1, "vector": [1, 2]}"#, #"{"id": "a", "vector": [1, NaN]}"#,
        #"{"id": "a", "vector": [1, 1e99]}"#,
        #"{"id": "a", "vector": "x"}"#, #"{"id": "a", "vector": [1, 2], "metadata": []}"#, "[1, 2]", "{",
        #"{"id": "a", "vector": [1, 2]} x"#, #"{"id": "a", "vector": [1, 2], "x": 1e400}"#,
        "{\"id\": \"\u{1}\"}",
        #"{"id": "a", "vector": [1, 2], "vector": [1, 2]}"#,
    ])
    func `a bad line is named`(line: String) throws {
        let reader = try ItemBatchReader(
            lines: source(#"{"id": "ok", "vector": [1, 2]}"#, line), dimensions: 2)
        let error = try #require(failure { _ = try reader.next() })
        #expect(error.code == .badData && error.message.contains("line 2"), "\(error)")
    }

    @Test func `an import is acknowledged batch by batch, and what is there stays after an error`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 2))
        var lines = (0..<10).map { "{\"id\": \($0), \"vector\": [1, \($0)]}" }
        lines[7] = "{"
        let url = folder.url.appending(path: "bad.jsonl")
        try Data(lines.joined(separator: "\n").utf8).write(to: url)
        var acknowledged: [Int] = []
        let error = failure {
            try notes.importItems(
                ItemBatchReader(lines: ByteSource(url), dimensions: 2), batch: 3,
                acknowledge: { acknowledged.append($0.inserted) })
        }
        #expect(error?.message.contains("line 8") == true)
        #expect(acknowledged == [3, 6])
        #expect(try notes.count() == 6)
    }

    @Test func `JSON values are read and written as they are`() throws {
        for text in [
            "null", "true", "-12", "9223372036854775807", "1.5", "\"é\\n\\\"\\\\\"", "[1,[],{}]",
            "{\"a\":{\"b\":[false]},\"é\":1}",
        ] {
            #expect(try JSONValue(parsing: text).description == text)
        }
        #expect(try JSONValue(parsing: "9223372036854775808") == .real(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "1.0") == .real(1))
        for bad in ["", "01", "[1,]", "{\"a\" 1}", "nul", "1 2", String(repeating: "[", count: 100)] {
            #expect(failure { _ = try JSONValue(parsing: bad) }?.code == .badData, "\(bad)")
        }
    }
}
