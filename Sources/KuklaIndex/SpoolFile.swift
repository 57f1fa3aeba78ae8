import Foundation
import KuklaNumerics

/// A nameless file that takes what will be appended to another file later: sections that grow at the same time.
///
/// It lies in the folder of the file it is for, where there is room for that much, and is gone when it is closed or
/// the program ends, however it ends.
final class SpoolFile {
    private let target: URL
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var byteCount = 0

    init(beside target: URL) throws(KuklaError) {
        self.target = target
        descriptor = try Self.nameless(beside: target)
    }

    deinit { close(descriptor) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) {
        buffer.append(contentsOf: bytes)
        byteCount += bytes.count
        if buffer.count >= 1 << 20 { try flush() }
    }

    func append(littleEndian number: UInt64) throws(KuklaError) {
        buffer.append(littleEndian: number)
        byteCount += 8
        if buffer.count >= 1 << 20 { try flush() }
    }

    /// Gives all bytes to `body`, in pieces, from the start.
    func read(_ body: (UnsafeRawBufferPointer) throws(KuklaError) -> Void) throws(KuklaError) {
        try flush()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        var offset = 0
        while offset < byteCount {
            let got = pread(descriptor, piece.baseAddress, piece.count, off_t(offset))
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw KuklaError.whenWriting(target) }
            try body(UnsafeRawBufferPointer(rebasing: piece[..<got]))
            offset += got
        }
    }

    private func flush() throws(KuklaError) {
        let start = byteCount - buffer.count
        guard buffer.withUnsafeBytes({ Self.write($0, to: descriptor, at: start) }) else {
            throw KuklaError.whenWriting(target)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// A new file without a name in the folder of `target`, open for reading and writing.
    static func nameless(beside target: URL) throws(KuklaError) -> Int32 {
        let folder = target.deletingLastPathComponent()
        #if os(Linux)
            // O_TMPFILE, a macro that Swift cannot read: a kill between making a name and removing it would leave the file.
            let unnamed = open(folder.path, 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
            if unnamed >= 0 { return unnamed }
        #endif
        let name =
            ".\(target.lastPathComponent.prefix(100)).\(getpid())-\(UInt64.random(in: .min ... .max)).tmp"
        let path = folder.appending(path: name).path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KuklaError.whenWriting(target) }
        unlink(path)
        return descriptor
    }

    /// Writes all of `bytes` from `offset` on; false, with `errno`, where that fails.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let wrote = pwrite(
                descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if wrote < 0, errno == EINTR { continue }
            guard wrote > 0 else { return false }
            done += wrote
        }
        return true
    }
}
