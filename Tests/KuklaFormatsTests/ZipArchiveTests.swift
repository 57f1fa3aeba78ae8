import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct ZipArchiveTests {
    /// An archive that Python's zipfile wrote: `a.txt`, deflated, 30 times "hello zip, "; `folder/`; `folder/b.bin`, stored, bytes 0 to 9.
    private static let archive = [UInt8](
        Data(
            base64Encoded:
                "UEsDBBQAAAAIAAAAIVCnETfqEgAAAEoBAAAFAAAAYS50eHTLSM3JyVeoyizQUcgYZVLCBABQSwMEFAAAAAAAAAAhUAAAAAAAAAAAAAAAAAcAAABmb2xkZXIvUEsDBBQAAAAAAAAAIVBG12xFCgAAAAoAAAAMAAAAZm9sZGVyL2IuYmluAAECAwQFBgcICVBLAQIUAxQAAAAIAAAAIVCnETfqEgAAAEoBAAAFAAAAAAAAAAAAAACAAQAAAABhLnR4dFBLAQIUAxQAAAAAAAAAIVAAAAAAAAAAAAAAAAAHAAAAAAAAAAAAAACAATUAAABmb2xkZXIvUEsBAhQDFAAAAAAAAAAhUEbXbEUKAAAACgAAAAwAAAAAAAAAAAAAAIABWgAAAGZvbGRlci9iLmJpblBLBQYAAAAAAwADAKIAAACOAAAAAAA="
        )!)

    private func open<T>(_ bytes: [UInt8], _ body: (ZipArchive) throws -> T) throws -> T {
        let url = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID()).zip")
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        return try body(ZipArchive(url))
    }

    @Test func `files come out as they went in, stored and deflated`() throws {
        try open(Self.archive) { archive in
            #expect(archive.entries.map(\.name) == ["a.txt", "folder/", "folder/b.bin"])
            #expect(archive.entries.map(\.size) == [330, 0, 10])
            let text = try archive.contents(of: archive.entries[0])
            #expect(String(decoding: text, as: UTF8.self) == String(repeating: "hello zip, ", count: 30))
            #expect(try archive.contents(of: archive.entries[1]) == [])
            #expect(try archive.contents(of: archive.entries[2]) == Array(0..<10))
        }
    }

    @Test func `whatever byte is changed and wherever it is cut, nothing traps, and what comes out is right`()
        throws
    {
        let right = try open(Self.archive) { archive in
            try archive.entries.map { try archive.contents(of: $0) }
        }
        func look(_ bytes: [UInt8]) throws {
            do {
                try open(bytes) { archive in
                    for entry in archive.entries {
                        let found = try archive.contents(of: entry)
                        // A changed directory may leave files out, never change what is in them.
                        #expect(right.contains(found))
                    }
                }
            } catch let error as KuklaError { #expect([.badData, .unsupported].contains(error.code)) }
        }
        for position in Self.archive.indices {
            for value in [0, 0xFF, Self.archive[position] ^ 1, Self.archive[position] ^ 0x80] {
                var bytes = Self.archive
                bytes[position] = value
                try look(bytes)
            }
        }
        for count in stride(from: 0, to: Self.archive.count, by: 3) {
            try look(Array(Self.archive.prefix(count)))
        }
    }

    @Test func `a size that its data cannot have is refused before memory is taken`() throws {
        var bytes = Self.archive
        // The first entry of the directory, bytes 24 to 27: the unpacked size.
        let directory = try #require(
            bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
        bytes.replaceSubrange(directory + 24..<directory + 28, with: [0xFF, 0xFF, 0xFF, 0xFE])
        let error = #expect(throws: KuklaError.self) { try open(bytes) { _ in } }
        #expect(error?.code == .badData && error?.message.contains("a.txt") == true)
    }

    @Test(.enabled(if: SharedData.has("omniglot"))) func `the Omniglot archive has its known pictures`()
        throws
    {
        let archive = try ZipArchive(#require(SharedData.url("omniglot/images_background_small1.zip")))
        let pictures = archive.entries.filter { $0.name.hasSuffix(".png") }
        #expect(pictures.count == 2_720)
        let first = try GreyPicture(png: archive.contents(of: pictures[0]), name: pictures[0].name)
        #expect(first.width == 105 && first.height == 105 && Set(first.pixels) == [0, 255])
    }
}
