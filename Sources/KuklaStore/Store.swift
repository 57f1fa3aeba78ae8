public import Foundation
public import KuklaFormats
public import KuklaNumerics

/// A folder of collections, held by one process at a time.
///
///     let store = try Store(URL(fileURLWithPath: "data"))
///     let notes = try store.create("notes", CollectionSettings(dimensions: 384))
///     try notes.upsert(ItemBatch(ids: [.text("n1")], vectors: vectors, texts: ["a note"]))
///     let hits = try notes.search(SearchRequest(vector: query, text: "note", count: 5))
public final class Store: Sendable {
    public let url: URL
    let options: StoreOptions
    private let lock: StoreLock
    /// The collections that were opened; `nil` after `close`.
    private let open: Guarded<[CollectionName: StoredCollection]?> = Guarded([:])
    let changingAliases = Guarded(())
    /// Open collections by the names and aliases that were asked for: forgotten whenever one is closed or an alias changes.
    let known = Guarded([String: StoredCollection]())
    /// Re-encodings that are going on. Locked inside `open`, where both are.
    let reencodings = Guarded([CollectionName: ReencodingRun]())

    private static let marker = "kukla store, version 1\n"

    /// Opens the store in the folder `url`, or makes it where the folder is not there or empty.
    ///
    /// - Parameter createsFolder: where false, a folder that is no store is an error.
    /// - Throws: `KuklaError`: `inputOutput` where another process holds it, naming that; `missingFile`, `badData` where it is no
    ///   store; `unsupported` where a later version made it.
    public init(_ url: URL, createsFolder: Bool = true, options: StoreOptions = StoreOptions())
        throws(KuklaError)
    {
        self.url = url
        self.options = options
        let marker = url.appending(path: "store")
        let names = try? FileManager.default.contentsOfDirectory(atPath: url.path)
        let isStore = FileManager.default.fileExists(atPath: marker.path)
        guard isStore || createsFolder else {
            throw KuklaError(
                .missingFile,
                "Cannot open the store \(url.path): \(names == nil ? "there is no such folder" : "the folder is no store"). Make a collection with `kukla collection create`."
            )
        }
        // What a run that was killed in its first moments made is no stranger's.
        guard isStore || Set(names ?? []).isSubset(of: ["lock", "collections"]) else {
            throw KuklaError(
                .badData,
                "Cannot make a store in \(url.path): the folder holds other files. Name an empty or a new folder."
            )
        }
        do {
            try FileManager.default.createDirectory(
                at: url.appending(path: "collections"), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the store \(url.path).", cause: error)
        }
        lock = try StoreLock(url)
        if isStore {
            let text = try? String(contentsOf: marker, encoding: .utf8)
            guard text == Self.marker else {
                throw KuklaError(
                    .unsupported,
                    "Cannot open the store \(url.path): its file 'store' says '\((text ?? "").prefix(40))', expected '\(Self.marker.dropLast())'. Update kukla, or restore the file."
                )
            }
        } else {
            try AtomicFile.write(Self.marker, to: marker)
        }
        AtomicFolder.removeLeftovers(in: collections)
        ReencodingFolder.removeLeftovers(in: collections)
    }

    /// Stops what works in the background, closes all collections and lets go of the folder. Nothing may be called afterwards.
    public func close() {
        stopReencodings()
        open.withLock { open in
            known.withLock { $0 = [:] }
            for collection in (open ?? [:]).values { collection.close() }
            open = nil
        }
        lock.release()
    }

    /// Lets `body` look up and change which collections are open.
    func withOpen<Result>(
        _ body: (inout [CollectionName: StoredCollection]) throws(KuklaError) -> Result
    ) throws(KuklaError) -> Result {
        try open.withLock { open throws(KuklaError) in
            contract(open != nil, "Store: \(url.path) was used after it was closed")
            var all = open ?? [:]
            defer { open = all }
            return try body(&all)
        }
    }

    var collections: URL { url.appending(path: "collections") }

    func folder(_ name: CollectionName) -> URL { collections.appending(path: name.description) }
}

extension Store {
    /// The names of all collections, in order.
    public var names: [CollectionName] {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: collections.path)) ?? []
        return found.sorted().compactMap { try? CollectionName($0) }
    }

    /// Makes a collection.
    ///
    /// - Parameter model: what makes its vectors, where that is known already; else what embeds its first texts is noted.
    /// - Throws: `KuklaError.usage` where a collection or alias of that name is there, or it is no name.
    @discardableResult
    public func create(
        _ name: String, _ settings: CollectionSettings, vectorsBy model: ModelIdentity? = nil
    ) throws(KuklaError) -> StoredCollection {
        let name = try CollectionName(name)
        return try withOpen { open throws(KuklaError) in
            try refuse(name)
            let new = try AtomicFolder(folder(name))
            try StoredCollection.create(
                in: new.staging, settings, models: model.map { [$0] } ?? [], options)
            try new.commit()
            let collection = try StoredCollection(name, in: folder(name), options)
            open[name] = collection
            return collection
        }
    }

    /// The collection of this name, or the one that an alias of this name stands for.
    ///
    /// - Throws: `KuklaError`: `usage` where there is none; where its database cannot be used.
    public func collection(_ name: String) throws(KuklaError) -> StoredCollection {
        if let collection = openCollection(name) { return collection }
        let given = try CollectionName(name)
        return try withOpen { open throws(KuklaError) in
            let target = try aliases()[given] ?? given
            let collection: StoredCollection
            if let found = open[target] {
                collection = found
            } else {
                guard FileManager.default.fileExists(atPath: folder(target).path) else {
                    throw unknown(target)
                }
                collection = try StoredCollection(target, in: folder(target), options)
                open[target] = collection
            }
            known.withLock { $0[name] = collection }
            return collection
        }
    }

    /// The collection of this name or alias where it is open and was asked for before: without a look at the disk, and without waiting for
    /// collections that are being opened.
    package func openCollection(_ name: String) -> StoredCollection? { known.withLock { $0[name] } }

    /// Looks up names anew from now on.
    func forgetNames() throws(KuklaError) { try withOpen { _ in known.withLock { $0 = [:] } } }

    /// Deletes a collection with all that it holds. Aliases are not followed, and one that stands for it is in the way.
    public func drop(_ name: String) throws(KuklaError) {
        let name = try CollectionName(name)
        try withOpen { open throws(KuklaError) in
            guard FileManager.default.fileExists(atPath: folder(name).path) else { throw unknown(name) }
            if let alias = try aliases().first(where: { $0.value == name })?.key {
                throw KuklaError(
                    .usage,
                    "Cannot drop the collection '\(name)': the alias '\(alias)' stands for it. Point the alias elsewhere or remove it first."
                )
            }
            try refuseWhileReencoding(name, "drop")
            known.withLock { $0 = [:] }
            open.removeValue(forKey: name)?.close()
            try ReencodingFolder(of: name, in: collections).remove()
            let doomed = collections.appending(path: ".\(name).dropped.tmp")
            try? FileManager.default.removeItem(at: doomed)
            guard rename(folder(name).path, doomed.path) == 0 else { throw KuklaError.whenWriting(doomed) }
            try? FileManager.default.removeItem(at: doomed)
        }
    }

    /// Lets `body` put a collection of this name into place, while none of that name is open.
    func replacing(
        _ name: CollectionName, isReplacing: Bool, _ body: (URL) throws(KuklaError) -> Void
    ) throws(KuklaError) -> StoredCollection {
        try withOpen { open throws(KuklaError) in
            try refuse(name, allowsCollection: isReplacing)
            try refuseWhileReencoding(name, "replace")
            known.withLock { $0 = [:] }
            open.removeValue(forKey: name)?.close()
            // What was made of the old items is none of the new ones.
            try ReencodingFolder(of: name, in: collections).remove()
            try body(folder(name))
            let collection = try StoredCollection(name, in: folder(name), options)
            open[name] = collection
            return collection
        }
    }

    /// Throws where the name is taken.
    private func refuse(_ name: CollectionName, allowsCollection: Bool = false) throws(KuklaError) {
        let isAlias = try aliases()[name] != nil
        let isTaken = !allowsCollection && FileManager.default.fileExists(atPath: folder(name).path)
        guard !isAlias, !isTaken else {
            throw KuklaError(
                .usage,
                "Cannot make the collection '\(name)': \(isAlias ? "an alias" : "a collection") of that name is there. Take another name, or drop it first."
            )
        }
    }

    func unknown(_ name: CollectionName) -> KuklaError {
        let known = names.map(\.description)
        let nearest = EditDistance.likely(name.description, among: known).map { " Did you mean '\($0)'?" }
        return KuklaError(
            .usage,
            "There is no collection '\(name)' in \(url.path).\(nearest ?? " Make it with `kukla collection create`.")"
        )
    }
}
