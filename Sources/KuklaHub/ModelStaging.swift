import Foundation
import KuklaNumerics

/// The place beside the models where one is put together: `models/.fetching/ORG--NAME@COMMIT`.
///
/// Holds a lock on that model as long as it lives, so that two processes do not write the same files.
final class ModelStaging: Sendable {
    private let root: URL
    private let name: String
    private let lockDescriptor: Int32

    /// - Throws: `KuklaError.inputOutput` where the folder cannot be made or another process holds the lock.
    init(model: ModelIdentifier, cache: URL) throws(KuklaError) {
        root = cache.appending(path: "models/.fetching")
        name = model.folderName
        do {
            try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "could not make the cache folder \(root.path)", cause: error)
        }
        let lock = root.appending(path: "\(name).lock").path
        lockDescriptor = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard lockDescriptor >= 0, flock(lockDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw KuklaError(
                .inputOutput,
                "could not lock \(lock): another process is fetching \(model), or the folder is read-only")
        }
    }

    deinit {
        guard lockDescriptor >= 0 else { return }
        // Closing alone is not enough: a child process that is just being started still holds the descriptor.
        flock(lockDescriptor, LOCK_UN)
        close(lockDescriptor)
    }

    /// The folder for one commit's files, with what an earlier try left in it.
    func workplace(for commit: String) throws(KuklaError) -> URL {
        let folder = root.appending(path: "\(name)@\(commit)")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "could not make the folder \(folder.path)", cause: error)
        }
        return folder
    }

    /// Copies the files of an older fetch that are still wanted; the download checks them like its own.
    func reuse(_ old: ModelManifest, from folder: URL, into workplace: URL, listed: [HubListing.File]) {
        for file in old.files {
            guard listed.contains(where: { $0.path == file.path && $0.size == file.size }) else { continue }
            let target = workplace.appending(path: file.path)
            guard !FileManager.default.fileExists(atPath: target.path) else { continue }
            try? FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            // A copy that fails is fetched instead.
            try? FileManager.default.copyItem(at: folder.appending(path: file.path), to: target)
        }
    }

    /// - Throws: `KuklaError.inputOutput` where what is still to be fetched is more than the disk has free.
    func checkSpace(for files: [HubListing.File], in workplace: URL) throws(KuklaError) {
        var needed = 0
        for file in files {
            let target = workplace.appending(path: file.path)
            let there =
                FileDigest.size(of: target) ?? FileDigest.size(of: target.appendingPathExtension("partial"))
            let (sum, overflow) = needed.addingReportingOverflow(max(0, (file.size ?? 0) - (there ?? 0)))
            guard !overflow else {
                throw KuklaError(.badData, "the hub lists files of more bytes than can be counted")
            }
            needed = sum
        }
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: workplace.path)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value, Int64(needed) > free else {
            return
        }
        throw KuklaError(
            .inputOutput,
            "the model needs \(needed) bytes more in \(workplace.path), but \(free) are free; make room, or use "
                + "another cache folder")
    }

    /// Gives a complete folder its name; one that stands there is replaced.
    func publish(_ workplace: URL, as folder: URL) throws(KuklaError) {
        let files = FileManager.default
        let retired = root.appending(path: "\(name).retired")
        do {
            try? files.removeItem(at: retired)
            if files.fileExists(atPath: folder.path) { try files.moveItem(at: folder, to: retired) }
            try files.moveItem(at: workplace, to: folder)
        } catch {
            throw KuklaError(.inputOutput, "could not put the fetched model at \(folder.path)", cause: error)
        }
        // What other commits' unfinished fetches left is of no more use.
        let leftovers = (try? files.contentsOfDirectory(atPath: root.path)) ?? []
        for entry in leftovers where entry.hasPrefix("\(name)@") || entry == "\(name).retired" {
            try? files.removeItem(at: root.appending(path: entry))
        }
    }
}
