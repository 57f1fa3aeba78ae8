import Foundation
import KuklaNumerics

/// Memory that lies in a file without a name, for tables larger than memory: the system writes out what is not in use and reads it
/// again when it is touched. The file goes with its last user, also when the program is killed.
final class SpillFile: @unchecked Sendable {  // written by the one column that grows it, then only read
    let base: UnsafeMutableRawPointer
    let byteCount: Int
    private let descriptor: Descriptor

    /// Closes the file with the last of its mappings.
    private final class Descriptor: Sendable {
        let number: Int32
        init(_ number: Int32) { self.number = number }
        deinit { close(number) }
    }

    /// A file of `byteCount` zero bytes in the folder for temporary files.
    ///
    /// - Returns: nil where the system refuses; memory is then all there is.
    static func create(_ byteCount: Int) -> SpillFile? {
        let path = FileManager.default.temporaryDirectory.appending(path: "kukla-rows-XXXXXX").path
        var name = Array(path.utf8CString)
        let number = mkstemp(&name)
        guard number >= 0 else { return nil }
        unlink(name)
        return SpillFile(Descriptor(number), byteCount)
    }

    /// The same file, longer. This mapping of it stays valid while it is held.
    func grown(to byteCount: Int) -> SpillFile? { SpillFile(descriptor, byteCount) }

    private init?(_ descriptor: Descriptor, _ byteCount: Int) {
        // Space is taken now where that can be asked for: a full disk must be an answer here, not a bus error later.
        #if os(Linux)
            let hasSpace = posix_fallocate(descriptor.number, 0, off_t(byteCount)) == 0
        #else
            let hasSpace = ftruncate(descriptor.number, off_t(byteCount)) == 0
        #endif
        guard hasSpace,
            let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0),
            base != MAP_FAILED
        else { return nil }
        self.base = base
        self.byteCount = byteCount
        self.descriptor = descriptor
    }

    deinit { munmap(base, byteCount) }
}
