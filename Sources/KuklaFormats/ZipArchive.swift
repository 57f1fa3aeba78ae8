import CZlib
public import Foundation
public import KuklaNumerics

/// The files in a zip archive, mapped into memory: stored or deflated, without encryption, below 4 GiB.
///
/// The directory at the archive's end is checked before anything is given out; a file is checked against its length and its
/// checksum when it is unpacked.
/// *Source:* PKWARE, ".ZIP File Format Specification", APPNOTE 6.3.
public final class ZipArchive: Sendable {
    /// One file or folder.
    public struct Entry: Sendable, Equatable {
        /// The path inside the archive; a folder's ends with `/`.
        public let name: String
        /// Bytes when unpacked.
        public let size: Int
        fileprivate let isDeflated: Bool
        fileprivate let checksum: UInt32
        fileprivate let packed: Range<Int>
    }

    /// In the order of the directory.
    public let entries: [Entry]
    private let file: MappedFile

    /// Maps the archive at `url` and reads its directory.
    ///
    /// - Throws: `KuklaError`: `missingFile`, `inputOutput`; `badData` where it is no archive, cut or damaged; `unsupported` where it is
    ///   split, encrypted, of more than 4 GiB or packed otherwise.
    public init(_ url: URL) throws(KuklaError) {
        let file = try MappedFile(url)
        self.file = file
        entries = try file.withBytes { (bytes) throws(KuklaError) in
            try ZipDirectory(bytes: bytes, name: url.path).entries()
        }
    }

    /// The unpacked bytes of an entry of this archive.
    ///
    /// - Throws: `KuklaError(.badData)` where they are damaged.
    public func contents(of entry: Entry) throws(KuklaError) -> [UInt8] {
        let unpacked = try file.withBytes { (bytes) throws(KuklaError) -> [UInt8] in
            contract(entry.packed.upperBound <= bytes.count, "ZipArchive: an entry of another archive")
            let packed = UnsafeRawBufferPointer(rebasing: bytes[entry.packed])
            return entry.isDeflated ? try inflated(packed, entry) : Array(packed)
        }
        let checksum = unpacked.withUnsafeBufferPointer {
            crc32_z(0, $0.baseAddress, $0.count)
        }
        guard UInt32(truncatingIfNeeded: checksum) == entry.checksum else {
            throw damaged(entry, "its checksum differs")
        }
        return unpacked
    }

    private func inflated(_ packed: UnsafeRawBufferPointer, _ entry: Entry) throws(KuklaError) -> [UInt8] {
        var stream = z_stream()
        // Negative: deflate data without a header of their own. Fails for want of memory only.
        let status = inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        contract(status == Z_OK, "zlib: inflateInit2 gave \(status)")
        defer { inflateEnd(&stream) }
        var isWhole = false
        // zlib asks for a place even where nothing comes.
        let unpacked = [UInt8](unsafeUninitializedCapacity: max(1, entry.size)) { out, count in
            stream.next_in = UnsafeMutablePointer(
                mutating: packed.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = uInt(packed.count)
            stream.next_out = out.baseAddress
            stream.avail_out = uInt(entry.size)
            isWhole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0
            count = entry.size - Int(stream.avail_out)
        }
        guard isWhole else { throw damaged(entry, "it does not unpack to its \(entry.size) bytes") }
        return unpacked
    }

    private func damaged(_ entry: Entry, _ what: String) -> KuklaError {
        KuklaError(
            .badData, "Cannot unpack \(entry.name) of \(file.url.path): \(what); the archive is damaged.")
    }
}

/// Reads the directory of a zip archive, every number checked against the archive's real size.
private struct ZipDirectory {
    let bytes: UnsafeRawBufferPointer
    let name: String

    func entries() throws(KuklaError) -> [ZipArchive.Entry] {
        let end = try endRecord()
        let count = number(end + 10, 2)
        let (size, start) = (number(end + 12, 4), number(end + 16, 4))
        guard number(end + 4, 2) == 0, number(end + 8, 2) == count, count < 0xFFFF, start < 0xFFFF_FFFF else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(name): it is a split archive or one of more than 4 GiB or 65,534 files. Unpack it and pack it anew."
            )
        }
        guard start + size <= end else { throw damaged("its directory lies outside of it") }
        var entries: [ZipArchive.Entry] = []
        var position = start
        for _ in 0..<count {
            guard position + 46 <= start + size, number(position, 4) == 0x0201_4B50 else {
                throw damaged("its directory ends before its \(count) entries")
            }
            let next =
                position + 46 + number(position + 28, 2) + number(position + 30, 2) + number(position + 32, 2)
            guard next <= start + size else { throw damaged("its directory ends inside of an entry") }
            entries.append(try entry(position, before: start))
            position = next
        }
        return entries
    }

    /// Where the record at the archive's end begins: behind it is only a comment of the length that it says.
    private func endRecord() throws(KuklaError) -> Int {
        var position = bytes.count - 22
        let least = max(0, position - 0xFFFF)
        while position >= least {
            if number(position, 4) == 0x0605_4B50, position + 22 + number(position + 20, 2) == bytes.count {
                return position
            }
            position -= 1
        }
        throw KuklaError(
            .badData,
            "Cannot read \(name) as a zip archive: it has no directory at its end; it is cut, or no archive.")
    }

    private func entry(_ position: Int, before directory: Int) throws(KuklaError) -> ZipArchive.Entry {
        let (flags, method) = (number(position + 8, 2), number(position + 10, 2))
        let (packedSize, size) = (number(position + 20, 4), number(position + 24, 4))
        let named = position + 46
        let path = String(decoding: bytes[named..<named + number(position + 28, 2)], as: UTF8.self)
        guard flags & 1 == 0, method == 0 || method == 8 else {
            throw KuklaError(
                .unsupported,
                "Cannot read \(name): \(path) is \(flags & 1 == 0 ? "packed by method \(method)" : "encrypted"), expected stored or deflated files. Pack it anew."
            )
        }
        let local = number(position + 42, 4)
        guard local + 30 <= directory, number(local, 4) == 0x0403_4B50 else {
            throw damaged("\(path) does not begin where the directory says")
        }
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
        guard start + packedSize <= directory else { throw damaged("\(path) lies outside of it") }
        // Deflate cannot shrink further: a larger size is a lie that would take memory.
        guard method == 0 ? size == packedSize : size <= 1_032 * packedSize else {
            throw damaged("\(path) cannot have \(size) bytes")
        }
        return ZipArchive.Entry(
            name: path, size: size, isDeflated: method == 8, checksum: UInt32(number(position + 16, 4)),
            packed: start..<start + packedSize)
    }

    /// A little-endian number of 2 or 4 bytes.
    private func number(_ position: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
    }

    private func damaged(_ what: String) -> KuklaError {
        KuklaError(.badData, "Cannot read \(name): \(what); the archive is damaged.")
    }
}
