import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct LargeTableTests {
    /// A file of a table whose floats are all zero, and take no room on the disk.
    private func sparseFile(
        _ table: String, rows: Int, width: Int, facts: String, shape: String, in folder: TemporaryFolder
    )
        throws -> URL
    {
        let bytes = 4 * rows * width
        let header: [String: Any] = [
            "__metadata__": [
                "table": table, "table_width": "\(width)",
                "table_fields": "[{\"count\":\(rows),\"name\":\"item\"}]", "table_facts": facts,
            ],
            "table.weight": [
                "dtype": "F32", "shape": shape.split(separator: ",").compactMap { Int($0) },
                "data_offsets": [0, bytes],
            ] as [String: Any],
        ]
        var json = try JSONSerialization.data(withJSONObject: header)
        json.append(Data(repeating: 32, count: (8 - json.count % 8) % 8))
        var data = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) }
        data.append(json)
        let url = folder.url.appendingPathComponent("large.safetensors")
        try data.write(to: url)
        let handle = try FileHandle(forWritingTo: url)
        try handle.truncate(atOffset: UInt64(data.count + bytes))
        try handle.close()
        return url
    }

    @Test(
        "a table of 100 million rows opens at once, and only what is looked up gets into memory",
        arguments: ["hash", "robe"])
    func opening(_ word: String) throws {
        let folder = try TemporaryFolder()
        let rows = 100_000_000
        let file = try sparseFile(
            word, rows: rows, width: 4,
            facts: word == "hash" ? "{\"rows\":[\(rows)]}" : "{\"hash\":[1,2,3,4,5,6,7,8]}",
            shape: word == "hash" ? "\(rows),4" : "\(4 * rows)", in: folder)
        let before = try residentBytes()
        let start = ContinuousClock.now
        let table = try ServedTables.load(from: SafetensorsFile(file))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(table.byteCount == 1_600_000_000)
        let vectors = table.vectors(IdBatch(ids: [0, 99_999_999, 50_000_000, -1], fields: [0]))
        #expect(vectors.elements.allSatisfy { $0 == 0 })
        #expect(seconds < 0.1, "\(seconds) s")
        // Other tests run beside this one: a bound far below the file's size.
        #expect(try residentBytes() - before < 800_000_000)
    }

    private func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4096
    }
}
