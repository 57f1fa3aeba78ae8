public import Foundation

/// A file mapped into memory for reading.
///
/// The bytes are read from disk when they are first touched. If the file is cut while it is mapped, the
/// operating system stops the program: our own files are only ever replaced by atomic rename, which is safe.
/// `bytes` are valid while the object lives: whoever keeps a pointer into them keeps the object too; for a passing
/// look there is `withBytes`.
public final class MappedFile: @unchecked Sendable {  // immutable after init
    public let url: URL
    public let bytes: UnsafeRawBufferPointer

    /// Maps all of the file at `url`.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`).
    public convenience init(_ url: URL) throws(KuklaError) { try self.init(OpenFile(url)) }

    /// Maps all of `file` as it is now; it need not stay open.
    package init(_ file: OpenFile) throws(KuklaError) {
        url = file.url
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw KuklaError.whenOpening(url) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw KuklaError(.badData, "Cannot read \(url.path): it is not a regular file.")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.descriptor, 0), base != MAP_FAILED
        else {
            throw KuklaError.whenOpening(url)
        }
        bytes = UnsafeRawBufferPointer(start: base, count: size)
    }

    /// Reads the bytes in place; the buffer is valid inside `body` only.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) -> Result in try body(bytes) }
    }

    deinit {
        if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
    }
}

extension KuklaError {
    /// The error that `errno` names, after an attempt to open or read `url`.
    public static func whenOpening(_ url: URL) -> KuklaError {
        afterSystemCall("Cannot open \(url.path)", tellsMissing: true)
    }

    /// The error that `errno` names, after an attempt to write `url`.
    public static func whenWriting(_ url: URL) -> KuklaError { afterSystemCall("Cannot write \(url.path)") }

    /// The error that `errno` names: the number is read before the words are made, which may set it.
    ///
    /// - Parameters:
    ///   - attempt: what could not be done, such as "Cannot read a.npy".
    ///   - tellsMissing: whether a name that is not there is `missingFile`; `inputOutput` otherwise.
    package static func afterSystemCall(
        _ attempt: @autoclosure () -> String, tellsMissing: Bool = false
    ) -> KuklaError {
        let number = errno
        let isMissing = tellsMissing && (number == ENOENT || number == ENOTDIR)
        return KuklaError(
            isMissing ? .missingFile : .inputOutput, "\(attempt()): \(String(cString: strerror(number))).")
    }
}
