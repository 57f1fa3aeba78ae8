import Foundation
import KuklaNumerics
import KuklaText
import Testing

@Suite struct TokenizerHostileTests {
    private static let small = """
        {"added_tokens":[{"id":1,"content":"[SEP]","special":true,"normalized":false},{"id":4,"content":"[NEW]"}],
        "normalizer":{"type":"BertNormalizer","clean_text":true,"strip_accents":null,"lowercase":true},
        "pre_tokenizer":{"type":"BertPreTokenizer"},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[SEP]"}},{"Sequence":{"id":"A"}}]},
        "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
        "model":{"type":"WordPiece","unk_token":"[UNK]","max_input_chars_per_word":100,
        "vocab":{"[UNK]":0,"[SEP]":1,"\\u00e9\\ud83d\\ude00":2,"a":3}}}
        """

    /// Reads a tokenizer from these bytes; any error but a `KuklaError` with a sentence fails the test.
    private func load(_ bytes: [UInt8]) throws -> WordPieceTokenizer? {
        do {
            return try WordPieceTokenizer(tokenizerJSON: bytes, name: "tokenizer.json")
        } catch {
            #expect(error.message.count > 40, "\(error)")
            return nil
        }
    }

    /// Reads a tokenizer from a folder with one file.
    private func load(_ bytes: [UInt8], file name: String) throws -> WordPieceTokenizer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(bytes).write(to: folder.appending(path: name))
        return try WordPieceTokenizer(folder: folder)
    }

    private func message(_ text: String, _ name: String = "tokenizer.json") throws -> String {
        let error = #expect(throws: KuklaError.self) { try load(Array(text.utf8), file: name) }
        return error?.message ?? ""
    }

    @Test func `the small file itself is good`() throws {
        let tokenizer = try #require(try load(Array(Self.small.utf8)))
        #expect(tokenizer.vocabularySize == 5)
        #expect(tokenizer.encode("A[NEW]b [NEW]").ids == [1, 3, 4, 0, 4])
        #expect(tokenizer.id(of: "\u{E9}\u{1F600}") == 2)
        #expect(tokenizer.id(of: "e\u{301}\u{1F600}") == nil)
        #expect(tokenizer.decode([1, 3, 4, 99, -1]) == "a [NEW]")
    }

    @Test func `a file cut at any byte is refused`() throws {
        let bytes = Array(Self.small.utf8)
        for count in 0..<bytes.count { #expect(try load(Array(bytes[..<count])) == nil, "\(count) bytes") }
    }

    @Test func `a file with a changed byte is refused or usable`() throws {
        var random = RandomSource(seed: 3)
        for _ in 0..<2000 {
            var bytes = Array(Self.small.utf8)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                1 << UInt8.random(in: 0..<8, using: &random)
            guard let tokenizer = try load(bytes) else { continue }
            let ids = tokenizer.encode("a \u{E9} [SEP]b[NEW] [UNK]").ids
            #expect(ids.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) })
        }
    }

    @Test(arguments: [
        ("\"a\":3", "\"a\":2", "two tokens have the id 2"),
        ("\"a\":3", "\"a\":4", "not one of 0..<4"),
        ("\"a\":3", "\"a\":-1", "not one of 0..<4"),
        ("\"a\":3", "\"a\":1e300", "a whole number"),
        ("\"a\":3", "\"a\":2.5", "a whole number"),
        ("\"a\":3", "\"a\":\"3\"", "found a string"),
        ("\"a\":3", "\"[UNK]\":3", "'[UNK]' stands twice"),
        ("\"[UNK]\":0", "\"[NUK]\":0", "no unknown token '[UNK]'"),
        ("\"vocab\":{", "\"vocabulary\":{", "no object 'model.vocab'"),
        ("\"WordPiece\",\"unk", "\"BPE\",\"unk", "only WordPiece is read"),
        ("\"BertPreTokenizer\"", "\"ByteLevel\"", "only BertPreTokenizer is read"),
        ("\"BertNormalizer\"", "\"NFKC\"", "only BertNormalizer is read"),
        ("\"TemplateProcessing\"", "\"RobertaProcessing\"", "TemplateProcessing and BertProcessing are read"),
        ("\"id\":4", "\"id\":9", "where 4 comes next"),
        ("\"id\":1,", "\"id\":0,", "has the ids 1 and 0"),
        ("\"content\":\"[NEW]\"", "\"content\":\"\"", "no content or no id"),
        ("\"content\":\"[NEW]\"", "\"content\":\"[NEW]\",\"normalized\":true", "has normalized"),
        ("\"clean_text\":true", "\"clean_text\":1", "expected true or false"),
        ("_word\":100", "_word\":1000000000000", "1 to 65536 are read"),
        ("_word\":100", "_word\":0", "1 to 65536 are read"),
        ("{\"Sequence\":{\"id\":\"A\"}}", "{\"SpecialToken\":{\"id\":\"[SEP]\"}}", "0 places for a text"),
        ("{\"SpecialToken\":{\"id\":\"[SEP]\"}}", "{\"SpecialToken\":{\"id\":\"[ABC]\"}}", "names no token"),
        ("\\ud83d\\ude00", "\\ud83d", "surrogate"),
    ])
    func `a wrong value is refused with its reason`(old: String, new: String, reason: String) throws {
        #expect(Self.small.contains(old))
        let found = try message(Self.small.replacingOccurrences(of: old, with: new))
        #expect(found.contains(reason), "\(found)")
        #expect(found.contains("tokenizer.json"))
    }

    @Test func `deep nesting is refused`() throws {
        #expect(try message(String(repeating: "[", count: 1_000_000)).contains("64 deep"))
    }

    @Test func `vocabulary files are refused for repeated and missing tokens and for bytes that are no text`()
        throws
    {
        #expect(try message("[UNK]\n[CLS]\n[SEP]\na\na\n", "vocab.txt").contains("line 5 repeats"))
        #expect(try message("[UNK]\n[SEP]\na\n", "vocab.txt").contains("no [CLS]"))
        #expect(try message("", "vocab.txt").contains("0 tokens but no [UNK]"))
        #expect(throws: KuklaError.self) { try load([0x61, 0xFF, 0x0A], file: "vocab.txt") }
        #expect(try message("", "something.else").contains("neither tokenizer.json nor vocab.txt"))
        let tokenizer = try load(Array("[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n".utf8), file: "vocab.txt")
        #expect(tokenizer.encode("A b").ids == [1, 3, 0, 2])
    }
}
