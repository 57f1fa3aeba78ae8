import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

/// Damaged files give an error or a value, never a crash.
@Suite struct HostileInputTests {
    static let files = [
        "grid_f4_le.npy", "grid_f2_be.npy", "grid_i8_le.npy", "grid_v2.npy", "grid.npy.gz", "floats.fvecs",
        "bytes.bvecs",
        "numbers.ivecs", "floats.jsonl", "pictures.idx", "labels.idx", "small.safetensors",
    ]

    /// Reads `url` in every way that fits its name; true where at least the main one succeeds.
    @discardableResult
    private func readAll(_ url: URL) throws -> Bool {
        var succeeded = true
        func attempt(_ body: () throws -> Void) {
            do {
                try body()
            } catch is KuklaError {
                succeeded = false
            } catch {
                Issue.record("\(error) is no KuklaError")
            }
        }
        attempt { _ = try FileSummary.inspect(url) }
        if url.pathExtension == "safetensors" {
            attempt {
                let file = try SafetensorsFile(url)
                for tensor in file.tensors { _ = try file.floats(named: tensor.name) }
                for tensor in file.tensors where (1...2).contains(tensor.shape.count) {
                    _ = try file.matrix(named: tensor.name).elements
                }
            }
            return succeeded
        }
        attempt {
            let matrix = try VectorFile.readAll(url)
            _ = matrix.elements
            let reader = try VectorFile.open(url)
            var rows = 0
            while let block = try reader.next(maxRows: 2) { rows += block.rows }
            #expect(rows == matrix.rows)
        }
        let read = succeeded
        attempt { _ = try IntegerMatrix(url) }
        for format in TextFormat.allCases {
            attempt {
                _ = try TextReader(url, options: TextOptions(format: format, textColumn: "1")).readAll()
            }
        }
        attempt { _ = try SentencePair.readAll(url) }
        attempt { _ = try RelevanceJudgments(url) }
        return read
    }

    @Test(arguments: files) func `a file that is cut at any byte is an error`(name: String) throws {
        try withFolder { folder in
            let whole = try Data(contentsOf: golden(name))
            let url = folder.appending(path: name)
            for length in 0..<whole.count {
                try replace(url, with: whole.prefix(length))
                // A cut between two rows of a format that has no count cannot be seen.
                let mayPass = ["floats.fvecs", "bytes.bvecs", "numbers.ivecs", "floats.jsonl"].contains(name)
                let succeeded = try readAll(url)
                if !mayPass { #expect(!succeeded, "\(name) cut to \(length) bytes was read") }
            }
        }
    }

    @Test(arguments: files) func `random damage never crashes`(name: String) throws {
        try withFolder { folder in
            let whole = try Data(contentsOf: golden(name))
            let url = folder.appending(path: name)
            var random = RandomSource(seed: name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
            let rounds = Int(ProcessInfo.processInfo.environment["KUKLA_FUZZ_ROUNDS"] ?? "") ?? 400
            for _ in 0..<rounds {
                var bytes = [UInt8](whole)
                for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&bytes, &random) }
                try replace(url, with: bytes)
                try readAll(url)
            }
        }
    }

    private func damage(_ bytes: inout [UInt8], _ random: inout RandomSource) {
        guard !bytes.isEmpty else { return }
        let at = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[at] = [0, 0xFF, 0x7F, 0x80, 0x22, 0x5C, 0x7D, 0x5D].randomElement(using: &random)!
        case 2: bytes[at] = UInt8(ascii: "9")
        case 3: bytes.remove(at: at)
        case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        case 5: bytes.removeSubrange(at..<min(at + Int.random(in: 1..<40, using: &random), bytes.count))
        default:
            let end = min(at + Int.random(in: 1..<20, using: &random), bytes.count)
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
        }
    }

    @Test func `random text never crashes the table and JSON readers`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "x")
            let alphabet = Array("\"\\,\t\r\n{}[]:0123eE.-+unltrfase \u{e9}".utf8) + [0xFF, 0xC3, 0]
            var random = RandomSource(seed: 77)
            for _ in 0..<1500 {
                let bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                    alphabet.randomElement(using: &random)!
                }
                try replace(url, with: bytes)
                try readAll(url)
            }
        }
    }

    @Test func `a header that claims more than memory is an error, also in gzip`() throws {
        try withFolder { folder in
            for shape in [
                "(4000000000, 4096)", "(1, 16777216)", "(9223372036854775807, 3)", "(3, 99999999999)",
            ] {
                var header = "{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }"
                header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
                let bytes = Data([0x93] + "NUMPY".utf8 + [1, 0, 118, 0] + header.utf8) + Data(count: 100)
                let plain = folder.appending(path: "x.npy")
                try bytes.write(to: plain)
                _ = message { try VectorFile.readAll(plain) }
                let packed = folder.appending(path: "x.npy.gz")
                try gzip(bytes, to: packed)
                _ = message { try VectorFile.readAll(packed) }
            }
        }
    }
}
