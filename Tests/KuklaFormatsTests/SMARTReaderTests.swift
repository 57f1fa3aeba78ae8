import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite("SMARTReader")
struct SMARTReaderTests {
    private func read(_ text: String) throws -> [SMARTReader.Record] {
        let url = FileManager.default.temporaryDirectory.appending(path: "kukla-smart-\(UUID())")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(text.utf8).write(to: url)
        return try SMARTReader(url).records
    }

    @Test("fields are joined lines; authors and references are left out")
    func fields() throws {
        let records = try read(
            ".I 1\n.T\na title\nof two  lines\n.A\nsomebody\n.W\nthe text .\n  goes on\n.X\n1 2 3\n.I 002\n.W\nb\n"
        )
        #expect(records.map(\.id) == ["1", "002"])
        #expect(records[0].title == "a title of two lines")
        #expect(records[0].text == "the text . goes on")
        #expect(records[1].title.isEmpty && records[1].text == "b")
    }

    @Test("text before the first record, and a record without id, are errors with their line")
    func errors() throws {
        let early = #expect(throws: KuklaError.self) { try read("\n.W\ntext") }
        #expect(early?.message.contains("line 1") == true)
        let nameless = #expect(throws: KuklaError.self) { try read(".I 1\n.W\na\n.I \n") }
        #expect(nameless?.message.contains("line 4") == true)
    }

    @Test("Cranfield has its 1,400 documents", .enabled(if: SharedData.has("cranfield")))
    func cranfield() throws {
        let records = try SMARTReader(try #require(SharedData.url("cranfield/cran.all.1400.gz"))).records
        #expect(records.count == 1400)
        #expect(records[0].text.hasPrefix("experimental investigation of the aerodynamics"))
    }
}
