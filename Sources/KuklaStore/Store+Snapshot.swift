public import Foundation
import KuklaFormats
public import KuklaNumerics

extension StoredCollection {
    /// Copies the collection, as it is at one moment, to the new folder `target`, which appears whole or not at all. Reads and
    /// writes go on meanwhile; what is written after the copy began is not in it.
    ///
    /// - Throws: `KuklaError`: `usage` where the folder is there already; `missingFile`, `inputOutput`.
    public func snapshot(to target: URL) throws(KuklaError) {
        guard !FileManager.default.fileExists(atPath: target.path) else {
            throw KuklaError(
                .usage, "Cannot write the snapshot \(target.path): it is there already. Name a new folder.")
        }
        let folder = try AtomicFolder(target)
        try compacting.withLock { _ throws(KuklaError) in
            try database.backup(to: folder.staging.appending(path: CollectionDatabase.fileName))
            try copySegments(from: segments, to: folder.staging.appending(path: Segment.folderName))
        }
        try folder.commit()
    }
}

extension Store {
    /// Makes a collection from a snapshot. Nothing of it is there until all is.
    ///
    /// - Parameter isReplacing: whether a collection of that name may be replaced by it.
    /// - Throws: `KuklaError`: `usage` where the name is taken; `missingFile` and `badData` where the snapshot cannot be used. A
    ///   damaged index in it is reported and made again.
    @discardableResult
    public func restore(
        _ name: String, from snapshot: URL, replacing isReplacing: Bool = false
    ) throws(KuklaError) -> StoredCollection {
        let name = try CollectionName(name)
        let database = snapshot.appending(path: CollectionDatabase.fileName)
        guard FileManager.default.fileExists(atPath: database.path) else {
            throw KuklaError(
                .missingFile,
                "Cannot restore \(snapshot.path): it holds no \(CollectionDatabase.fileName). Name a folder that `kukla collection snapshot` wrote."
            )
        }
        return try replacing(name, isReplacing: isReplacing) { folder throws(KuklaError) in
            let new = try AtomicFolder(folder)
            try copy(database, to: new.staging.appending(path: CollectionDatabase.fileName))
            try copySegments(
                from: snapshot.appending(path: Segment.folderName),
                to: new.staging.appending(path: Segment.folderName))
            let copied = try CollectionDatabase(in: new.staging, options)
            defer { copied.close() }
            try copied.check()
            copied.close()
            try new.commit()
        }
    }
}

/// Copies the files of indexes. They are never changed in place, so that a second name is as good as a copy.
private func copySegments(from source: URL, to target: URL) throws(KuklaError) {
    guard mkdir(target.path, 0o777) == 0 else { throw KuklaError.whenWriting(target) }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: source.path)) ?? []
    where name.hasSuffix(".kukla") {
        let (from, to) = (source.appending(path: name), target.appending(path: name))
        if link(from.path, to.path) != 0 { try copy(from, to: to) }
    }
}

/// Copies a file; what is there on return is on disk.
private func copy(_ source: URL, to target: URL) throws(KuklaError) {
    let file = try AtomicFile(target)
    try MappedFile(source).withBytes { bytes throws(KuklaError) in
        try file.write(UnsafeRawBufferPointer(bytes))
    }
    try file.commit()
}
