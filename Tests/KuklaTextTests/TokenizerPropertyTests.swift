import Foundation
import KuklaNumerics
import KuklaText
import Testing

@Suite struct TokenizerPropertyTests {
    /// Texts of random code points, mostly from a few ranges where something happens.
    private func texts(_ count: Int, seed: UInt64) -> [String] {
        var random = RandomSource(seed: seed)
        let ranges: [Range<UInt32>] = [
            0..<0x80, 0x61..<0x7B, 0x80..<0x600, 0x300..<0x370, 0x1E00..<0x3100, 0xAC00..<0xD7A4,
            0x1D15E..<0x1D173, 0..<0x11_0000,
        ]
        return (0..<count).map { _ in
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                let range = ranges[Int.random(in: 0..<ranges.count, using: &random)]
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) {
                    scalars.append(scalar)
                }
                if Int.random(in: 0..<20, using: &random) == 0 {
                    scalars.append(contentsOf: "[SEP]".unicodeScalars)
                }
            }
            return String(scalars)
        }
    }

    @Test(arguments: ["1111", "0000"])
    func `random bytes give ids of the vocabulary`(flags: String) throws {
        let tokenizer = try WordPieceGolden.tokenizer(flags)
        var random = RandomSource(seed: 7)
        for _ in 0..<3000 {
            // Half of the bytes above 0x7F, and so nearly never UTF-8.
            let bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            let found = bytes.withUnsafeBufferPointer { tokenizer.encode(utf8: $0) }
            #expect(found.ids.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) })
            #expect(found.ids.count >= 2 && found.ids.count <= bytes.count + 2)
        }
    }

    @Test func `bytes that are no UTF-8 count as replacement characters`() throws {
        let tokenizer = try WordPieceGolden.tokenizer("0000")
        let replaced = tokenizer.encode("a\u{FFFD}b")
        for bad in [[0xFF], [0x80], [0xC1], [0xF5]] as [[UInt8]] {
            let bytes = [0x61] + bad + [0x62]
            #expect(bytes.withUnsafeBufferPointer { tokenizer.encode(utf8: $0) } == replaced)
        }
        // Cut off, overlong, a surrogate, beyond the last code point.
        for bad in [[0xE2, 0x82], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]]
            as [[UInt8]]
        {
            let found = bad.withUnsafeBufferPointer { tokenizer.encode(utf8: $0) }
            #expect(found == tokenizer.encode(String(repeating: "\u{FFFD}", count: bad.count)))
        }
    }

    @Test func `a batch has the ids of its texts for every number of threads`() throws {
        let tokenizer = try WordPieceGolden.tokenizer("1111")
        let texts = texts(2000, seed: 11)
        let batch = tokenizer.encode(texts, maxLength: 20)
        #expect(batch.count == texts.count)
        #expect(batch.offsets.first == 0 && batch.offsets.last == batch.ids.count)
        var truncated = 0
        for (index, text) in texts.enumerated() {
            let single = tokenizer.encode(text, maxLength: 20)
            #expect(Array(batch[index]) == single.ids)
            truncated += single.isTruncated ? 1 : 0
        }
        #expect(batch.truncatedCount == truncated && truncated > 0 && truncated < texts.count)
        for threads in [2, 3] { #expect(tokenizer.encode(texts, maxLength: 20, threads: threads) == batch) }
        #expect(tokenizer.encode([], threads: 4) == TokenBatch())
    }

    @Test func `truncation keeps the first ids and the last special token`() throws {
        let tokenizer = try WordPieceGolden.tokenizer("1111")
        for text in texts(200, seed: 13) {
            let whole = tokenizer.encode(text)
            for maxLength in [2, 3, 7, whole.ids.count - 1, whole.ids.count, whole.ids.count + 1]
            where maxLength >= 2 {
                let cut = tokenizer.encode(text, maxLength: maxLength)
                #expect(cut.isTruncated == (whole.ids.count > maxLength))
                #expect(
                    cut.ids
                        == (cut.isTruncated
                            ? whole.ids.prefix(maxLength - 1) + [whole.ids[whole.ids.count - 1]] : whole.ids))
            }
        }
    }

    @Test func `a space between two texts joins their ids`() throws {
        let tokenizer = try WordPieceGolden.tokenizer("1111")
        let texts = texts(600, seed: 17)
        for (left, right) in zip(texts, texts.dropFirst()) {
            let expected = tokenizer.encode(left).ids.dropLast() + tokenizer.encode(right).ids.dropFirst()
            #expect(tokenizer.encode(left + " " + right).ids == Array(expected))
        }
    }

    @Test func `a word of any length ends as one unknown token and harms no neighbour`() throws {
        let tokenizer = try WordPieceGolden.tokenizer("1111")
        let (doll, unknown) = (try #require(tokenizer.id(of: "doll")), tokenizer.unknownID)
        let special = tokenizer.encode("").ids
        for count in [101, 400, 655, 656, 657, 1000, 100_000] {
            for letter in ["x", "é", "ǆ", "\u{1D15E}", "각", "\u{1F600}"] {
                let word = String(repeating: letter, count: count)
                #expect(
                    tokenizer.encode("doll \(word) doll").ids == [
                        special[0], doll, unknown, doll, special[1],
                    ],
                    "\(count) of \(letter)")
            }
        }
    }

    @Test func `a length without room for the special tokens is a broken contract`() async {
        await #expect(processExitsWith: .failure) {
            _ = try WordPieceGolden.tokenizer("1111").encode("a", maxLength: 1)
        }
    }
}
