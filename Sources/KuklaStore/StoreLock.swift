import Foundation
import KuklaFormats
import KuklaNumerics

/// Holds a store for this process, until it is released or the process ends, however it ends.
///
/// The kernel's lock on the file `lock` decides (`flock`); what is written in the file only says who holds it.
final class StoreLock: Sendable {
    private let descriptor: Guarded<Int32>

    /// - Throws: `KuklaError(.inputOutput)` that says who holds the store.
    init(_ folder: URL) throws(KuklaError) {
        let url = folder.appending(path: "lock")
        let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw KuklaError.whenWriting(url) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            let reason = String(cString: strerror(errno))
            close(descriptor)
            guard isHeld else {
                throw KuklaError(.inputOutput, "Cannot lock the store \(folder.path): \(reason).")
            }
            let holder = (try? String(contentsOf: url, encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines)
            throw KuklaError(
                .inputOutput,
                "Cannot open the store \(folder.path): \(holder.flatMap { $0.isEmpty ? nil : $0 } ?? "another process") holds it. Wait until that has ended, or stop it."
            )
        }
        self.descriptor = Guarded(descriptor)
        let command = CommandLine.arguments.prefix(3).joined(separator: " ").prefix(200)
        let holder =
            "process \(getpid()) ('\(command)' on \(ProcessInfo.processInfo.hostName))\n"
        ftruncate(descriptor, 0)
        _ = Array(holder.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { release() }

    func release() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            // Closing is not enough: a child that was forked and has not yet begun its program holds the file, too.
            flock(descriptor, LOCK_UN)
            close(descriptor)
            descriptor = -1
        }
    }
}
