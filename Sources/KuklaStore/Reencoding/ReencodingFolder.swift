import Foundation
import KuklaFormats
import KuklaNumerics

/// Where the new form of a collection grows: the hidden folder `.NAME.reencoding` beside it, itself a collection.
///
/// The file `reencoding.json` in it says what it is to become. It is written last when the folder is made: a folder without it is no
/// re-encoding, but what a killed run left of one, or the old collection after the two changed places.
struct ReencodingFolder {
    let url: URL
    private var marker: URL { url.appending(path: Self.markerName) }

    private static let markerName = "reencoding.json"
    private static let suffix = ".reencoding"

    init(of name: CollectionName, in collections: URL) {
        url = collections.appending(path: ".\(name)\(Self.suffix)")
    }

    /// What is to be made here; nil where nothing was begun.
    ///
    /// - Throws: `KuklaError.badData` where the file is damaged.
    func unfinished() throws(KuklaError) -> UnfinishedReencoding? {
        guard let data = try? Data(contentsOf: marker) else { return nil }
        do { return try JSONDecoder().decode(UnfinishedReencoding.self, from: data) } catch {
            throw KuklaError(
                .badData,
                "Cannot go on with the re-encoding in \(url.path): its file \(Self.markerName) is damaged. Give it up or start it anew.",
                cause: error)
        }
    }

    /// Makes an empty collection here that will be what `unfinished` says.
    func begin(_ unfinished: UnfinishedReencoding, _ options: StoreOptions) throws(KuklaError) {
        try remove()
        guard mkdir(url.path, 0o777) == 0 else { throw KuklaError.whenWriting(url) }
        try StoredCollection.create(in: url, unfinished.settings, models: [unfinished.model], options)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do { data = try encoder.encode(unfinished) } catch {
            throw KuklaError(.badData, "Cannot write \(marker.path).", cause: error)
        }
        try AtomicFile.write(data, to: marker)
    }

    /// Removes the folder with all that is in it; the mark goes first, so that no half of it is gone on with.
    func remove() throws(KuklaError) {
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        unlink(marker.path)
        do { try FileManager.default.removeItem(at: url) } catch {
            throw KuklaError(.inputOutput, "Cannot remove \(url.path).", cause: error)
        }
    }

    /// Lets the new collection and the old one in `folder` change places in one step. The old one is then here, without a mark, and to be removed.
    func takePlace(of folder: URL) throws(KuklaError) {
        // One that an earlier run could not remove would make the old collection look like the new one.
        Self.removeMark(in: folder)
        try AtomicFolder.exchange(url, with: folder)
        Self.removeMark(in: folder)
    }

    private static func removeMark(in folder: URL) { unlink(folder.appending(path: markerName).path) }

    /// Takes away what runs that were killed left in `collections`, but for what can be gone on with.
    static func removeLeftovers(in collections: URL) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: collections.path)) ?? [] {
            let folder = collections.appending(path: name)
            guard name.hasPrefix("."), name.hasSuffix(suffix) else {
                removeMark(in: folder)
                continue
            }
            let collection = collections.appending(path: String(name.dropFirst().dropLast(suffix.count)))
            let isMarked = access(folder.appending(path: markerName).path, F_OK) == 0
            // The old collection that changed places, or one of which the collection is gone.
            if !isMarked || access(collection.path, F_OK) != 0 {
                try? FileManager.default.removeItem(at: folder)
            }
        }
    }
}
