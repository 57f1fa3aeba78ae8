import Foundation
import KuklaTestSupport
import KuklaText
import Testing

/// Files under Golden/wordpiece and the hash that they use.
enum WordPieceGolden {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden/wordpiece")

    struct Case: Decodable {
        var normalization: String
        var text: String
        var ids: [Int32]
        var decoded: String
    }

    struct Hashes: Decodable {
        var every_code_point: [String: String]
    }

    struct Real: Decodable {
        struct File: Decodable {
            var texts: Int?
            var ids: Int?
            var hash: String
            var hash_at_24: String?
            var truncated_at_24: Int?
        }
        var files: [String: File]
    }

    static func decode<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: name)))
    }

    static func cases() throws -> [Case] {
        try Data(contentsOf: folder.appending(path: "cases.jsonl")).split(separator: 10).map {
            try JSONDecoder().decode(Case.self, from: $0)
        }
    }

    /// The tokenizer of the small vocabulary; digits as in the golden files.
    static func tokenizer(_ flags: String) throws -> WordPieceTokenizer {
        let digits = Array(flags)
        return try WordPieceTokenizer(
            vocabularyFile: folder.appending(path: "vocab.txt"),
            normalization: BertNormalization(
                cleansText: digits[0] == "1", isolatesIdeographs: digits[1] == "1",
                stripsAccents: digits[2] == "1", lowercases: digits[3] == "1"))
    }

    static func hash(_ batch: TokenBatch) -> String {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<batch.count {
            for id in batch[index] { value = (value ^ UInt64(UInt32(bitPattern: id))) &* 0x100_0000_01B3 }
            value = (value ^ 0xFFFF_FFFF) &* 0x100_0000_01B3
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Sixteen code points a text, each between two letters, as the generator has them.
    static func everyCodePoint() -> [String] {
        var texts: [String] = []
        for start in stride(from: UInt32(0), to: 0x11_0000, by: 16) where !(0xD800..<0xE000).contains(start) {
            var scalars = String.UnicodeScalarView()
            for point in start..<start + 16 {
                scalars.append("a")
                if let scalar = Unicode.Scalar(point) { scalars.append(scalar) }
                scalars.append(contentsOf: "b ".unicodeScalars)
            }
            texts.append(String(scalars))
        }
        return texts
    }
}

@Suite struct TokenizerGoldenTests {
    @Test func `difficult texts have the ids and the decoding of the reference under every normalisation`()
        throws
    {
        var tokenizers: [String: WordPieceTokenizer] = [:]
        let cases = try WordPieceGolden.cases()
        #expect(cases.count > 600)
        for entry in cases {
            let tokenizer =
                try tokenizers[entry.normalization] ?? WordPieceGolden.tokenizer(entry.normalization)
            tokenizers[entry.normalization] = tokenizer
            let found = tokenizer.encode(entry.text)
            #expect(found.ids == entry.ids, "\(entry.normalization) \(entry.text.debugDescription)")
            #expect(!found.isTruncated)
            // Bytes, since `==` of strings takes canonically equivalent texts for equal.
            #expect(
                Array(tokenizer.decode(entry.ids).utf8) == Array(entry.decoded.utf8),
                "\(entry.text.debugDescription)")
        }
        #expect(tokenizers.count == 16)
    }

    @Test func `tokenizer json and vocabulary file make the same tokenizer`() throws {
        let fromJSON = try WordPieceTokenizer(folder: WordPieceGolden.folder)
        let fromLines = try WordPieceGolden.tokenizer("1111")
        let texts = try WordPieceGolden.cases().map(\.text)
        #expect(fromJSON.encode(texts) == fromLines.encode(texts))
        #expect(fromJSON.vocabularySize == fromLines.vocabularySize)
        #expect(fromJSON.normalization == fromLines.normalization)
        for id in 0..<Int32(fromJSON.vocabularySize) {
            let token = try #require(fromJSON.token(id))
            #expect(fromJSON.id(of: token) == id)
            #expect(fromLines.token(id)?.unicodeScalars.elementsEqual(token.unicodeScalars) == true)
        }
        #expect(fromJSON.token(-1) == nil)
        #expect(fromJSON.token(Int32(fromJSON.vocabularySize)) == nil)
        #expect(fromJSON.id(of: "no such token") == nil)
    }

    @Test(arguments: ["1111", "1100", "0000", "0010"])
    func `every code point is treated as the reference treats it`(flags: String) throws {
        let expected = try WordPieceGolden.decode(WordPieceGolden.Hashes.self, "hashes.json")
        let batch = try WordPieceGolden.tokenizer(flags).encode(WordPieceGolden.everyCodePoint(), threads: 2)
        #expect(WordPieceGolden.hash(batch) == expected.every_code_point[flags])
    }

    @Test(.enabled(if: SharedData.model != nil && SharedData.has("stsbenchmark")))
    func `the real tokenizer gives the ids of the reference on real files`() throws {
        let tokenizer = try WordPieceTokenizer(folder: try #require(SharedData.model))
        #expect(tokenizer.vocabularySize == 30522)
        let real = try WordPieceGolden.decode(WordPieceGolden.Real.self, "real.json")
        #expect(real.files.count == 6)
        for (name, expected) in real.files {
            if name == "every_code_point" {
                let batch = tokenizer.encode(WordPieceGolden.everyCodePoint())
                #expect(WordPieceGolden.hash(batch) == expected.hash)
                continue
            }
            let texts = try Data(contentsOf: try #require(SharedData.url(name)))
                .split(separator: 10, omittingEmptySubsequences: false).map {
                    String(decoding: $0, as: UTF8.self)
                }
            #expect(texts.count == expected.texts)
            let whole = tokenizer.encode(texts)
            #expect(whole.ids.count == expected.ids)
            #expect(WordPieceGolden.hash(whole) == expected.hash, "\(name)")
            let cut = tokenizer.encode(texts, maxLength: 24)
            #expect(WordPieceGolden.hash(cut) == expected.hash_at_24, "\(name)")
            #expect(cut.truncatedCount == expected.truncated_at_24)
        }
    }
}
