public import Foundation
public import KuklaNumerics

/// Reads a file or standard input from front to back, unpacking gzip where the first bytes say so.
///
/// Memory is bounded by the window that its reader needs (256 KiB at first), never by the size of the file.
public final class ByteSource {
    /// The path, or "standard input": what error messages call it.
    public let name: String
    /// Bytes of a regular file on disk; `nil` for pipes.
    public let sizeOnDisk: Int?
    /// Whether the bytes come out of gzip.
    public var isCompressed: Bool { inflater != nil }
    /// Bytes that will come in all; `nil` where only reading tells (gzip, pipes).
    public var size: Int? { isCompressed ? nil : sizeOnDisk }
    /// Unpacked bytes consumed so far.
    public private(set) var position = 0

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private var inflater: GzipInflater?
    private var memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0

    /// Opens the file at `url`.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`).
    public convenience init(_ url: URL) throws(KuklaError) {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw KuklaError.whenOpening(url) }
        try self.init(descriptor: descriptor, owns: true, name: url.path)
    }

    /// Reads the standard input of this process.
    public static func standardInput() throws(KuklaError) -> ByteSource {
        try ByteSource(descriptor: STDIN_FILENO, owns: false, name: "standard input")
    }

    package init(descriptor: Int32, owns: Bool, name: String) throws(KuklaError) {
        self.name = name
        self.descriptor = descriptor
        ownsDescriptor = owns
        memory = .allocate(byteCount: 1 << 18, alignment: 64)
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        sizeOnDisk = isRegular ? Int(status.st_size) : nil
        while end < 2, try fill() {}
        if end >= 2 && memory[0] == 0x1F && memory[1] == 0x8B {
            let first = UnsafeRawBufferPointer(rebasing: memory[..<end])
            inflater = GzipInflater(name: name, descriptor: descriptor, first: first)
            end = 0
        }
    }

    deinit {
        if ownsDescriptor { close(descriptor) }
        memory.deallocate()
    }

    /// Bytes that are read but not consumed; valid until the next call of `fill`, `peek` or `read`.
    public var window: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start..<end]) }

    /// Reads more bytes behind the window; false at the end.
    public func fill() throws(KuklaError) -> Bool {
        if start == end {
            start = 0
            end = 0
        }
        if end == memory.count {
            if start > 0 {
                memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<end]))
                end -= start
                start = 0
            } else {
                let larger = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: memory.count * 2, alignment: 64)
                larger.copyMemory(from: UnsafeRawBufferPointer(memory))
                memory.deallocate()
                memory = larger
            }
        }
        let got = try readDirectly(into: memory.baseAddress! + end, count: memory.count - end)
        end += got
        return got > 0
    }

    /// The next `count` bytes without consuming them; fewer at the end.
    public func peek(_ count: Int) throws(KuklaError) -> UnsafeRawBufferPointer {
        while end - start < count, try fill() {}
        return UnsafeRawBufferPointer(rebasing: memory[start..<Swift.min(end, start + count)])
    }

    /// Steps over `count` bytes of the window.
    public func consume(_ count: Int) {
        contract(count >= 0 && count <= end - start, "ByteSource: consuming \(count) of \(end - start) bytes")
        start += count
        position += count
    }

    /// Reads bytes until `destination` is full or the end has come; returns how many.
    public func read(into destination: UnsafeMutableRawBufferPointer) throws(KuklaError) -> Int {
        var done = Swift.min(end - start, destination.count)
        if done > 0 {
            destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<start + done]))
            start += done
        }
        while done < destination.count {
            let got = try readDirectly(
                into: destination.baseAddress! + done, count: destination.count - done)
            if got == 0 { break }
            done += got
        }
        position += done
        return done
    }

    private func readDirectly(into memory: UnsafeMutableRawPointer, count: Int) throws(KuklaError) -> Int {
        if let inflater { return try inflater.read(into: memory, count: count) }
        let got = readFully(descriptor, into: memory, count: count)
        guard got >= 0 else {
            throw KuklaError.afterSystemCall("Cannot read \(name)")
        }
        return got
    }
}

extension ByteSource {
    /// Steps over a UTF-8 byte-order mark at the front of a text.
    ///
    /// - Throws: `KuklaError` for a text in UTF-16.
    func skipByteOrderMark() throws(KuklaError) {
        let start = try peek(3)
        if start.count >= 2, (start[0], start[1]) == (0xFF, 0xFE) || (start[0], start[1]) == (0xFE, 0xFF) {
            throw KuklaError(
                .badData, "Cannot read \(name) as text: it is UTF-16; convert it to UTF-8 first.")
        }
        if start.elementsEqual([0xEF, 0xBB, 0xBF]) { consume(3) }
    }
}
