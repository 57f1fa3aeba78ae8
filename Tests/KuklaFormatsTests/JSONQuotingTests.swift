import Foundation
import KuklaFormats
import Testing

@Suite struct JSONQuotingTests {
    @Test(arguments: [
        ("", #""""#), ("plain", #""plain""#), ("\"", #""\"""#), ("a\\b", #""a\\b""#),
        ("\n\r\t", #""\n\r\t""#), ("\u{0}x\u{1F}", #""\u0000x\u001f""#), ("end\n", #""end\n""#),
        ("é\"漢🙂", #""é\"漢🙂""#), ("\u{7F}/", "\"\u{7F}/\""),
    ])
    func quoted(text: String, json: String) { #expect(jsonQuoted(text) == json) }

    @Test func everyCharacterComesBack() throws {
        let scalars = (0..<0x110000).compactMap(Unicode.Scalar.init)
        for start in stride(from: 0, to: scalars.count, by: 65_536) {
            var text = ""
            text.unicodeScalars.append(contentsOf: scalars[start..<min(start + 65_536, scalars.count)])
            let read = try JSONDecoder().decode([String].self, from: Data("[\(jsonQuoted(text))]".utf8))
            #expect(Array(read[0].utf8) == Array(text.utf8))
        }
    }
}
