public import Foundation
public import KuklaNumerics

/// A folder that appears whole or not at all.
///
/// Files are written to a hidden folder beside the place; `commit` flushes that to disk and gives it its name in one step,
/// in exchange for an older folder of that name. A run that fails removes what it wrote; one that is killed leaves the
/// hidden folder, which `removeLeftovers` takes away.
public final class AtomicFolder {
    /// The name that the folder gets.
    public let url: URL
    /// Where files are written until then.
    public let staging: URL
    private var isOpen = true

    /// Starts a folder that will be `url`; the folder around it must be there.
    ///
    /// - Throws: `KuklaError` (`missingFile` where the folder around it is not there, `inputOutput`).
    public init(_ url: URL) throws(KuklaError) {
        self.url = url
        let name = ".\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: .min ... .max)).tmp"
        staging = url.deletingLastPathComponent().appending(path: name)
        guard mkdir(staging.path, 0o777) == 0 else {
            throw KuklaError.afterSystemCall("Cannot make the folder \(url.path)", tellsMissing: true)
        }
    }

    deinit { discard() }

    /// Makes the folder durable and gives it its name. Without this call nothing appears.
    ///
    /// - Throws: `KuklaError(.inputOutput)`; nothing has then changed under the folder's name.
    public func commit() throws(KuklaError) {
        contract(isOpen, "AtomicFolder: \(url.path) was committed after it was closed")
        AtomicFolder.flush(staging)
        // An older folder steps aside: no rename replaces a folder that holds something. A kill between the two renames
        // is the one moment without either name, and `removeLeftovers` then gives the old one back.
        let aside = url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent).aside")
        if access(url.path, F_OK) == 0 { try? FileManager.default.removeItem(at: aside) }
        let hasOld = rename(url.path, aside.path) == 0
        guard rename(staging.path, url.path) == 0 else {
            let error = KuklaError.whenWriting(url)
            if hasOld { rename(aside.path, url.path) }
            discard()
            throw error
        }
        isOpen = false
        AtomicFolder.flush(url.deletingLastPathComponent())
        if hasOld { try? FileManager.default.removeItem(at: aside) }
    }

    /// Drops everything; the name is left as it was before. Harmless after `commit`.
    public func discard() {
        guard isOpen else { return }
        isOpen = false
        try? FileManager.default.removeItem(at: staging)
    }

    /// Removes what killed runs left in `folder`: unfinished files and folders. An older folder that had stepped aside for
    /// one that did not come gets its name back. Nobody else may be writing there.
    public static func removeLeftovers(in folder: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
            guard name.hasPrefix(".") else { continue }
            let leftover = folder.appending(path: name)
            if name.hasSuffix(".aside") {
                let place = folder.appending(path: String(name.dropFirst().dropLast(".aside".count)))
                if !FileManager.default.fileExists(atPath: place.path),
                    rename(leftover.path, place.path) == 0
                {
                    continue
                }
            } else if !name.hasSuffix(".tmp") {
                continue
            }
            try? FileManager.default.removeItem(at: leftover)
        }
    }

    /// Lets the folders `new` and `old` of one folder change places; a kill leaves both as they were or both changed.
    ///
    /// Where the file system knows no exchange, `old` steps aside as in `commit`: a kill then leaves the one moment without `old`, and
    /// `removeLeftovers` gives it back.
    /// - Throws: `KuklaError(.inputOutput)`; nothing has then changed.
    public static func exchange(_ new: URL, with old: URL) throws(KuklaError) {
        try exchange(new, with: old, allowsOneStep: true)
    }

    /// As `exchange(_:with:)`; `allowsOneStep: false` takes the way for file systems without exchange.
    package static func exchange(
        _ new: URL, with old: URL, allowsOneStep: Bool
    ) throws(KuklaError) {
        flush(new)
        if !allowsOneStep || !exchangeInOneStep(new, old) {
            let parent = old.deletingLastPathComponent()
            let aside = parent.appending(path: ".\(old.lastPathComponent).aside")
            try? FileManager.default.removeItem(at: aside)
            guard rename(old.path, aside.path) == 0 else { throw KuklaError.whenWriting(old) }
            guard rename(new.path, old.path) == 0 else {
                let error = KuklaError.whenWriting(old)
                rename(aside.path, old.path)
                throw error
            }
            rename(aside.path, new.path)
        }
        flush(old.deletingLastPathComponent())
    }

    private static func exchangeInOneStep(_ new: URL, _ old: URL) -> Bool {
        #if os(Linux)
            // glibc declares renameat2 for _GNU_SOURCE only, which Swift does not set; a C library without it exchanges in steps.
            typealias Renameat2 =
                @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
            guard let symbol = dlsym(nil, "renameat2") else { return false }
            let exchange: UInt32 = 1 << 1  // RENAME_EXCHANGE
            return unsafeBitCast(symbol, to: Renameat2.self)(
                AT_FDCWD, new.path, AT_FDCWD, old.path, exchange) == 0
        #else
            return false
        #endif
    }

    /// Names live in their folder: without this a power cut could lose them. Not every file system allows it.
    private static func flush(_ folder: URL) {
        let descriptor = open(folder.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
