import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

@Suite struct LineReaderTests {
    private func lines(_ url: URL, maximumLength: Int = 1 << 26) throws -> [String] {
        let reader = try LineReader(url, maximumLength: maximumLength)
        var all: [String] = []
        while let line = try reader.nextString() { all.append(line) }
        #expect(reader.lineNumber == all.count)
        return all
    }

    private func lines(of bytes: [UInt8], maximumLength: Int = 1 << 26) throws -> [String] {
        try withFolder { folder in
            let url = folder.appending(path: "in.txt")
            try Data(bytes).write(to: url)
            return try lines(url, maximumLength: maximumLength)
        }
    }

    @Test func `line ends of both kinds, a mark at the start and a last line without end`() throws {
        #expect(try lines(of: [0xEF, 0xBB, 0xBF] + "a\r\n\nü\nlast".utf8) == ["a", "", "ü", "last"])
        #expect(try lines(of: Array("a\n".utf8)) == ["a"])
        #expect(try lines(of: []) == [])
        #expect(try lines(of: Array("\n".utf8)) == [""])
    }

    @Test func `bad UTF-8, UTF-16 and long lines are named`() throws {
        #expect(
            message { try lines(of: Array("a\n".utf8) + [0xC3, 0x28]) }.contains(
                "line 2: the line is not valid UTF-8"))
        #expect(message { try lines(of: [0xFF, 0xFE, 0x41, 0]) }.contains("it is UTF-16"))
        #expect(
            message { try lines(of: Array("abc\nabcdefgh\n".utf8), maximumLength: 5) }
                .contains("line 2: the line is longer than 5 bytes"))
        #expect(try lines(of: Array("abcde\nabcde".utf8), maximumLength: 5) == ["abcde", "abcde"])
    }

    @Test func `lines over many chunks, plain and in two gzip members`() throws {
        try withFolder { folder in
            var random = RandomSource(seed: 5)
            let all = (0..<30_000).map { i in
                "\(i) "
                    + String(
                        repeating: "y",
                        count: Int.random(in: 0..<(i % 1000 == 0 ? 400_000 : 60), using: &random))
            }
            let data = Data((all.joined(separator: "\n") + "\n").utf8)
            let plain = folder.appending(path: "a.txt")
            try data.write(to: plain)
            #expect(try lines(plain) == all)
            let one = folder.appending(path: "1.gz")
            let two = folder.appending(path: "2.gz")
            try gzip(data.prefix(1_000_001), to: one)
            try gzip(data.dropFirst(1_000_001), to: two)
            let both = folder.appending(path: "both.gz")
            try (Data(contentsOf: one) + Data(contentsOf: two) + Data(count: 100)).write(to: both)
            #expect(try lines(both) == all)
            try (Data(contentsOf: one) + Data([1, 2, 3])).write(to: both)
            #expect(message { try lines(both) }.contains("bytes that are not gzip follow"))
        }
    }

    @Test func `gzip that is cut at any byte or damaged is an error`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "x.gz")
            try gzip(Data("some text that packs, some text that packs\n".utf8), to: url)
            let whole = try Data(contentsOf: url)
            for length in 2..<whole.count {
                try whole.prefix(length).write(to: url)
                #expect(message { try lines(url) }.contains("the gzip data end early"))
            }
            var damaged = whole
            damaged[damaged.count - 6] ^= 1
            try damaged.write(to: url)
            #expect(message { try lines(url) }.contains("incorrect data check"))
        }
    }

    @Test(arguments: [false, true]) func `a pipe is read like a file`(packed: Bool) throws {
        try withFolder { folder in
            let text = (0..<50_000).map { "{\"text\": \"number \($0)\"}\n" }.joined()
            var data = Data(text.utf8)
            if packed {
                try gzip(data, to: folder.appending(path: "x.gz"))
                data = try Data(contentsOf: folder.appending(path: "x.gz"))
            }
            let pipe = Pipe()
            let thread = Thread { [data] in
                pipe.fileHandleForWriting.write(data)
                pipe.fileHandleForWriting.closeFile()
            }
            thread.start()
            let source = try ByteSource(
                descriptor: pipe.fileHandleForReading.fileDescriptor, owns: false, name: "standard input")
            #expect(source.size == nil && source.isCompressed == packed)
            let records = try TextReader(source).readAll()
            #expect(records.count == 50_000 && records[49_999].text == "number 49999")
        }
    }
}
