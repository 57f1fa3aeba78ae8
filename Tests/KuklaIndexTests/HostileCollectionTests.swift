import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct HostileCollectionTests {
    @Test func `a file that was cut anywhere is refused`() throws {
        try withSample { url, bytes in
            let file = try FileHandle(forUpdating: url)
            for length in bytes.indices.reversed() {
                try file.truncate(atOffset: UInt64(length))
                expectRefusal(url, "cut to \(length) bytes")
            }
            try file.close()
            try Data(bytes + [0]).write(to: url)
            expectRefusal(url, "one byte more")
        }
    }

    @Test func `a flipped bit anywhere but in padding is found`() throws {
        try withSample { url, bytes in
            let sections = try CollectionFile(url).sections
            let table = bytes.count - 64 * sections.count
            for position in bytes.indices {
                let isCovered =
                    position < 64 || position >= table
                    || sections.contains { ($0.offset..<$0.offset + $0.length).contains(position) }
                guard isCovered else { continue }
                try overwrite(url, at: position, with: bytes[position] ^ 1 << UInt8(position % 8))
                defer { try? overwrite(url, at: position, with: bytes[position]) }
                // The sections of this sample are small: all are checked at once.
                expectRefusal(url, "bit \(position % 8) of byte \(position)")
            }
        }
    }

    /// Damage whose checksums are right again, so that it goes past them into the parsers.
    @Test func `damage with matching checksums never stops the program`() throws {
        var random = RandomSource(seed: 31)
        let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
        try withSample { url, bytes in
            let sections = try CollectionFile(url).sections
            let query = Matrix.random(rows: 2, columns: 8, seed: 32)
            for _ in 0..<3000 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    // Half of it in the header and the table, where sizes are.
                    let range =
                        Bool.random(using: &random)
                        ? bytes.indices : bytes.count - 64 * sections.count..<bytes.count
                    let position =
                        Bool.random(using: &random)
                        ? Int.random(in: 0..<64, using: &random) : Int.random(in: range, using: &random)
                    for i in position..<min(position + Int.random(in: 1...8, using: &random), bytes.count) {
                        damaged[i] =
                            Bool.random(using: &random)
                            ? interesting.randomElement(using: &random)!
                            : UInt8.random(in: 0...255, using: &random)
                    }
                }
                CollectionDamage.mendChecksums(&damaged)
                try Data(damaged).write(to: url)
                do {
                    let file = try CollectionFile(url)
                    if file.details.dimensions == 8, file.details.count > 0 {
                        _ = try file.search(query, count: 1)
                    }
                    try file.verify()
                } catch is KuklaError {
                    // Refused in words: what is wanted.
                }
            }
        }
    }

    @Test(arguments: [
        ("\"count\" : 40", "\"count\" : 4000000000000000000", "claims"),
        ("\"count\" : 40", "\"count\" : 41", "41 vectors"),
        ("\"count\" : 40", "\"count\" : -1", "claims"),
        ("\"dimensions\" : 8", "\"dimensions\" : 0", "claims"),
        ("\"dimensions\" : 8", "\"dimensions\" : 9223372036854775807", "claims"),
        ("\"dimensions\" : 8", "\"dimensions\" : 9", "parameter"), ("PCA4,SQ8", "PCA9,SQ8", "no codec"),
        ("PCA4,SQ8", "PCAx,SQ8", "JSON"), ("\"metric\" : \"cosine\"", "\"metric\" : \"cosin\"", "JSON"),
    ])
    func `details that fit nothing are refused`(from: String, to: String, answer: String) throws {
        try withSample { url, bytes in
            let file = try CollectionFile(url)
            let section = file.sections.first { $0.name == "details" }!
            let old = String(decoding: bytes[section.offset..<section.offset + section.length], as: UTF8.self)
            let new = Array(old.replacingOccurrences(of: from, with: to).utf8)
            #expect(new != Array(old.utf8))
            // The last section: the table moves behind its new end.
            let table = Array(bytes[(bytes.count - 64 * file.sections.count)...])
            var changed = Array(bytes[..<section.offset]) + new
            changed += [UInt8](repeating: 0, count: (64 - changed.count % 64) % 64) + table
            let tableOffset = changed.count - table.count
            changed.replaceSubrange(24..<32, with: CollectionDamage.littleEndian(UInt64(tableOffset)))
            changed.replaceSubrange(
                changed.count - 64 + 32..<changed.count - 64 + 40,
                with: CollectionDamage.littleEndian(UInt64(new.count)))
            CollectionDamage.mendChecksums(&changed)
            try Data(changed).write(to: url)
            expectError(.badData, answer) { try CollectionFile(url) }
        }
    }

    @Test func `other versions say what to do`() throws {
        try withSample { url, bytes in
            var changed = bytes
            changed[8] = 0
            try Data(changed).write(to: url)
            expectError(.unsupported, "Build the collection again") { try CollectionFile(url) }
            changed[8] = 2
            try Data(changed).write(to: url)
            expectError(.unsupported, "newer kukla") { try CollectionFile(url) }
            changed = bytes
            changed.replaceSubrange(12..<16, with: [1, 2, 3, 4])
            try Data(changed).write(to: url)
            expectError(.unsupported, "big-endian") { try CollectionFile(url) }
            try Data("{\"a\": 1}".utf8).write(to: url)
            expectError(.badData, "not a collection") { try CollectionFile(url) }
        }
    }

    @Test func `a large damaged section is found by verify`() throws {
        try withFolder { folder in
            let vectors = Matrix.random(rows: 3000, columns: 128, seed: 33)
            let index = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: .innerProduct)
            let url = folder.appending(path: "c.kukla")
            let writer = try CollectionWriter(url, codec: index.codec)
            try writer.append(vectors)
            try writer.finish()
            var bytes = [UInt8](try Data(contentsOf: url))
            bytes[1_000_000] ^= 1
            try Data(bytes).write(to: url)
            let file = try CollectionFile(url)
            #expect(file.sections.filter { !file.isIntact($0) }.map(\.name) == ["codes"])
            expectError(.badData, "'codes'") { try file.verify() }
        }
    }

    // MARK: - The sample

    /// A collection with every kind of section, small enough to try every byte.
    private func withSample(_ body: (URL, [UInt8]) throws -> Void) throws {
        try withFolder { folder in
            let vectors = Matrix.random(rows: 40, columns: 8, seed: 30)
            let index = try IndexConfiguration(parsing: "PCA4,SQ8,Refine(F16)").train(
                on: vectors, metric: .cosine)
            let url = folder.appending(path: "c.kukla")
            let writer = try CollectionWriter(
                url, codec: index.codec, refinement: index.refinement, plan: Data("{}".utf8))
            try writer.append(
                vectors, ids: (0..<40).map { .text("id\($0)") }, texts: (0..<40).map { "text \($0)" })
            try writer.finish()
            try body(url, [UInt8](try Data(contentsOf: url)))
        }
    }

    private func overwrite(_ url: URL, at position: Int, with byte: UInt8) throws {
        let handle = try FileHandle(forWritingTo: url)
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(position))
        try handle.write(contentsOf: [byte])
    }

    private func expectRefusal(_ url: URL, _ what: String) {
        do {
            _ = try CollectionFile(url)
            Issue.record("opened although \(what)")
        } catch {
            #expect(error is KuklaError, "\(what): \(error)")
        }
    }
}

/// Damage that the checksums do not show.
enum CollectionDamage {
    /// Overwrites a few bytes of the sections whose names begin with one of `prefixes`, makes the checksums right again, and
    /// lets `body` use the file, 600 times. What is refused must be refused in words that name such a section.
    static func inflict(
        on url: URL, sections prefixes: [String], count: Int, most: Int, seed: UInt64,
        sourceLocation: SourceLocation = #_sourceLocation, _ body: (CollectionFile) throws -> Void
    ) throws {
        let bytes = [UInt8](try Data(contentsOf: url))
        let sections = try CollectionFile(url).sections.filter { section in
            section.length > 0 && prefixes.contains { section.name.hasPrefix($0) }
        }
        #expect(sections.count == count, sourceLocation: sourceLocation)
        var random = RandomSource(seed: seed)
        var (refused, named) = (0, 0)
        for round in 0..<600 {
            var damaged = bytes
            let section = sections[round % sections.count]
            for _ in 0..<Int.random(in: 1...most, using: &random) {
                let position = section.offset + Int.random(in: 0..<section.length, using: &random)
                damaged[position] = [0, 1, 0x7F, 0xFF, UInt8(round % 256)].randomElement(using: &random)!
            }
            mendChecksums(&damaged)
            try Data(damaged).write(to: url)
            do { try body(CollectionFile(url)) } catch let error as KuklaError {
                refused += 1
                named += prefixes.contains { error.message.contains("'\($0)") } ? 1 : 0
            }
        }
        #expect(
            refused > 150 && named == refused, "\(refused) refused, \(named) by name",
            sourceLocation: sourceLocation)
    }

    static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// Makes the checksums of sections, table and header right, as far as they lie inside the file.
    static func mendChecksums(_ bytes: inout [UInt8]) {
        func number(_ offset: Int) -> Int? {
            let value = bytes[offset..<offset + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Int(exactly: value)
        }
        func checksum(_ range: Range<Int>) -> [UInt8] {
            littleEndian(bytes[range].withUnsafeBytes { Checksum(of: $0) }.value)
        }
        bytes.replaceSubrange(16..<24, with: littleEndian(UInt64(bytes.count)))
        if let table = number(24), table >= 64, table < bytes.count, (bytes.count - table) % 64 == 0 {
            bytes.replaceSubrange(32..<36, with: littleEndian(UInt32((bytes.count - table) / 64)))
            for entry in stride(from: table, to: bytes.count, by: 64) {
                if let offset = number(entry + 24), let length = number(entry + 32), offset <= bytes.count,
                    length <= bytes.count - offset
                {
                    bytes.replaceSubrange(entry + 40..<entry + 44, with: checksum(offset..<offset + length))
                }
            }
            bytes.replaceSubrange(36..<40, with: checksum(table..<bytes.count))
        }
        bytes.replaceSubrange(60..<64, with: checksum(0..<60))
    }
}
