public import Foundation
public import KuklaNumerics

/// A file that appears whole or not at all.
///
/// Bytes go to an unnamed file on the same file system (`O_TMPFILE`), so a run that fails, is cancelled or is
/// killed leaves nothing behind; `commit` flushes it to disk and gives it its name in one step, replacing an
/// older file of that name. Where the file system has no unnamed files, a hidden named one beside the target is
/// used and removed on failure; what a killed run left of it is removed by a later one. A target that is a device or a
/// pipe is written directly.
public final class AtomicFile {
    /// The name that the file gets, as the caller gave it.
    public let url: URL
    /// Bytes written so far.
    public private(set) var position = 0

    private let target: String
    private var descriptor: Int32
    private let place: Place
    private let buffer: UnsafeMutableRawBufferPointer
    private var buffered = 0

    private enum Place {
        case unnamed
        case named(String)
        case direct
    }

    /// Starts a file that will be `url`.
    ///
    /// - Throws: `KuklaError` (`missingFile` where the folder is not there, `inputOutput`).
    public convenience init(_ url: URL) throws(KuklaError) {
        try self.init(url, allowsUnnamed: true)
    }

    /// As `init(_:)`; `allowsUnnamed: false` takes the path for file systems without unnamed files.
    package init(_ url: URL, allowsUnnamed: Bool) throws(KuklaError) {
        self.url = url
        var status = stat()
        let exists = stat(url.path, &status) == 0
        // Through a symbolic link, so that the link stays and the file it names is replaced.
        target = exists ? url.resolvingSymlinksInPath().path : url.path
        let kind = exists ? status.st_mode & S_IFMT : S_IFREG
        guard kind != S_IFDIR else {
            throw KuklaError(.inputOutput, "Cannot write \(url.path): it is a folder.")
        }
        // Before the file is opened: asking for memory may set `errno`.
        buffer = .allocate(byteCount: 1 << 20, alignment: 64)
        if kind != S_IFREG {
            place = .direct
            descriptor = open(target, O_WRONLY | O_CLOEXEC)
        } else {
            (descriptor, place) = AtomicFile.begin(target, allowsUnnamed: allowsUnnamed)
        }
        guard descriptor >= 0 else {
            throw KuklaError.afterSystemCall("Cannot write \(url.path)", tellsMissing: true)
        }
    }

    deinit {
        discard()
        buffer.deallocate()
    }

    private static func begin(_ target: String, allowsUnnamed: Bool) -> (Int32, Place) {
        #if os(Linux)
            // The name is given by way of /proc, which a bare container may lack.
            if allowsUnnamed && access("/proc/self/fd", X_OK) == 0 {
                let folder = (target as NSString).deletingLastPathComponent
                // O_TMPFILE, a macro that Swift cannot read.
                let unnamedFlag: Int32 = 0o20_000_000 | O_DIRECTORY
                let descriptor = open(folder.isEmpty ? "." : folder, unnamedFlag | O_RDWR | O_CLOEXEC, 0o666)
                if descriptor >= 0 { return (descriptor, .unnamed) }
            }
        #endif
        let name = temporaryName(for: target)
        return (open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666), .named(name))
    }

    private static func temporaryPrefix(for target: String) -> String {
        ".\((target as NSString).lastPathComponent.prefix(100))."
    }

    /// Removes temporary files for `target` of runs that ended without removing them: which are not running here, and for
    /// an hour nobody wrote to the file (a run on another machine would have).
    private static func removeLeftovers(of target: String) {
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent()
        let prefix = temporaryPrefix(for: target)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(prefix) && name.hasSuffix(".tmp") {
            let path = folder.appending(path: name).path
            var status = stat()
            guard let process = pid_t(name.dropFirst(prefix.count).prefix { $0 != "-" }), process > 0,
                kill(process, 0) != 0, errno == ESRCH, stat(path, &status) == 0,
                time(nil) - modified(status) > 3600
            else { continue }
            unlink(path)
        }
    }

    private static func modified(_ status: stat) -> time_t {
        #if os(Linux)
            status.st_mtim.tv_sec
        #else
            status.st_mtimespec.tv_sec
        #endif
    }

    /// A name for an unfinished file beside `target`; older ones that nobody works on are removed.
    private static func temporaryName(for target: String) -> String {
        removeLeftovers(of: target)
        let path = target as NSString
        let name =
            "\(temporaryPrefix(for: target))\(getpid())-\(UInt32.random(in: .min ... .max)).tmp"
        return (path.deletingLastPathComponent as NSString).appendingPathComponent(name)
    }
}

// MARK: - Writing

extension AtomicFile {
    /// Appends bytes.
    ///
    /// - Throws: `KuklaError(.inputOutput)` that names the file: a full disk, for instance. The file is then
    ///   discarded.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(KuklaError) {
        contract(descriptor >= 0, "AtomicFile: \(url.path) was written after it was closed")
        if bytes.count >= buffer.count {
            try flush()
            guard writeFully(descriptor, bytes) else { throw failed() }
        } else {
            if buffered + bytes.count > buffer.count { try flush() }
            UnsafeMutableRawBufferPointer(rebasing: buffer[buffered...]).copyMemory(from: bytes)
            buffered += bytes.count
        }
        position += bytes.count
    }

    /// Appends the UTF-8 of `text`.
    public func write(_ text: String) throws(KuklaError) {
        var text = text
        var failure: KuklaError?
        text.withUTF8 {
            do throws(KuklaError) { try write(UnsafeRawBufferPointer($0)) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Appends `value` as it lies in memory (little-endian on every machine that we run on).
    public func write<Value: BitwiseCopyable>(valueOf value: Value) throws(KuklaError) {
        var failure: KuklaError?
        withUnsafeBytes(of: value) {
            do throws(KuklaError) { try write($0) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Replaces bytes that were written before, for a header that is only known at the end.
    ///
    /// - Precondition: `offset + bytes.count <= position`.
    public func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(KuklaError) {
        contract(
            offset >= 0 && offset + bytes.count <= position,
            "AtomicFile: overwriting [\(offset), \(offset + bytes.count)) of \(position) bytes")
        try flush()
        guard overwriteFully(descriptor, bytes, at: offset) else { throw failed() }
    }

    /// Writes all of `bytes` to the file `url`, whole or not at all.
    public static func write(_ bytes: some ContiguousBytes, to url: URL) throws(KuklaError) {
        let file = try AtomicFile(url)
        var failure: KuklaError?
        bytes.withUnsafeBytes {
            do throws(KuklaError) { try file.write($0) } catch { failure = error }
        }
        if let failure { throw failure }
        try file.commit()
    }

    /// Writes the UTF-8 of `text` to the file `url`, whole or not at all.
    public static func write(_ text: String, to url: URL) throws(KuklaError) {
        let file = try AtomicFile(url)
        try file.write(text)
        try file.commit()
    }

    private func flush() throws(KuklaError) {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<buffered])
        guard writeFully(descriptor, bytes) else { throw failed() }
        buffered = 0
    }

    /// The error that `errno` names; the file is gone afterwards.
    private func failed() -> KuklaError {
        let error = KuklaError.whenWriting(url)
        discard()
        return error
    }
}

// MARK: - Ending

extension AtomicFile {
    /// Makes the bytes durable and gives the file its name. Without this call nothing appears.
    ///
    /// - Throws: `KuklaError(.inputOutput)`; nothing has then changed under the file's name.
    public func commit() throws(KuklaError) {
        contract(descriptor >= 0, "AtomicFile: \(url.path) was committed after it was closed")
        try flush()
        switch place {
        case .direct: break
        case .unnamed:
            guard fsync(descriptor) == 0, nameUnnamed() else { throw failed() }
        case .named(let temporary):
            guard fsync(descriptor) == 0, rename(temporary, target) == 0 else { throw failed() }
        }
        close(descriptor)
        descriptor = -1
        if case .direct = place { return }
        // The name lives in the folder: without this a power cut could lose it. Not every file system allows it.
        let folder = open((target as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// Drops everything; the name is left as it was before. Harmless after `commit`.
    public func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        if case .named(let temporary) = place { unlink(temporary) }
    }

    private func nameUnnamed() -> Bool {
        let source = "/proc/self/fd/\(descriptor)"
        if linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0 { return true }
        guard errno == EEXIST else { return false }
        // A link never replaces a file, so an older one is replaced by way of a second name.
        let temporary = AtomicFile.temporaryName(for: target)
        guard linkat(AT_FDCWD, source, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0 else { return false }
        if rename(temporary, target) == 0 { return true }
        let number = errno
        unlink(temporary)
        errno = number
        return false
    }
}
