public import Foundation
public import KuklaNumerics

/// Reads text line by line, in place: LF or CRLF ends a line, the last one may lack its end, a UTF-8 byte-order
/// mark at the start is skipped.
public final class LineReader {
    /// What error messages call the text.
    public var name: String { source.name }
    /// Number of the line that `next` gave last, from 1.
    public private(set) var lineNumber = 0

    private let source: ByteSource
    private let maximumLength: Int

    /// Reads lines of at most `maximumLength` bytes from `source`.
    ///
    /// - Throws: `KuklaError` for text that starts with a UTF-16 byte-order mark, and for read errors.
    public init(_ source: ByteSource, maximumLength: Int = 1 << 26) throws(KuklaError) {
        self.source = source
        self.maximumLength = maximumLength
        try source.skipByteOrderMark()
    }

    /// Reads lines of the file at `url`, plain or gzip.
    public convenience init(_ url: URL, maximumLength: Int = 1 << 26) throws(KuklaError) {
        try self.init(ByteSource(url), maximumLength: maximumLength)
    }

    /// The bytes of the next line without its end; valid until the next call. `nil` after the last line.
    ///
    /// - Throws: `KuklaError` for a line over the maximum length, and for read errors.
    public func next() throws(KuklaError) -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            let window = source.window
            if searched < window.count,
                let end = memchr(window.baseAddress! + searched, 0x0A, window.count - searched)
            {
                return try line(UnsafeRawPointer(end) - window.baseAddress!, of: window, ending: 1)
            }
            searched = window.count
            if searched > maximumLength { throw tooLong() }
            if try !source.fill() {
                return window.isEmpty ? nil : try line(window.count, of: window, ending: 0)
            }
        }
    }

    /// The next line as a string; `nil` after the last line.
    ///
    /// - Throws: `KuklaError` naming the line where its bytes are not UTF-8.
    public func nextString() throws(KuklaError) -> String? {
        guard let bytes = try next() else { return nil }
        return try string(bytes)
    }

    /// A string of bytes of the current line.
    ///
    /// - Throws: `KuklaError` naming the line where the bytes are not UTF-8.
    public func string(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) -> String {
        guard let string = String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) else {
            throw failure("the line is not valid UTF-8; convert the file to UTF-8")
        }
        return string
    }

    /// An error about the current line.
    public func failure(_ what: String) -> KuklaError {
        KuklaError(.badData, "Cannot read \(name), line \(lineNumber): \(what).")
    }

    private func line(
        _ length: Int, of window: UnsafeRawBufferPointer, ending: Int
    ) throws(KuklaError) -> UnsafeRawBufferPointer {
        if length > maximumLength { throw tooLong() }
        lineNumber += 1
        source.consume(length + ending)
        let isCarriageReturn = ending == 1 && length > 0 && window[length - 1] == 0x0D
        return UnsafeRawBufferPointer(rebasing: window[..<(isCarriageReturn ? length - 1 : length)])
    }

    private func tooLong() -> KuklaError {
        KuklaError(
            .badData,
            "Cannot read \(name), line \(lineNumber + 1): the line is longer than \(maximumLength) bytes; "
                + "is this a text file?")
    }
}
