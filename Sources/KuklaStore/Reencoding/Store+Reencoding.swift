import Foundation
import KuklaFormats
public import KuklaNumerics

extension Store {
    /// Embeds all texts of a collection with another model, and lets the result take its place.
    ///
    /// Reads, searches and writes of the old collection go on meanwhile; writers wait at the end, while what was written last is
    /// embedded. Whoever holds the old collection then gets errors that say to look it up again. Ids, texts, metadata, numbers of
    /// operations, indexed paths and aliases stay; vectors that were given with a text are made anew of the text. What a run that was stopped
    /// or killed has done is kept beside the collection, and the next call goes on there.
    ///
    /// - Parameters:
    ///   - name: of the collection, or an alias of it.
    ///   - isStopped: looked at after each batch.
    /// - Throws: `KuklaError`: `usage` where items have no text, before anything is done, where the plan does not fit, where a re-encoding for
    ///   another model was begun, or one is going on; `cancelled` where it was stopped; what the model throws.
    @discardableResult
    public func reencode(
        _ name: String, with request: Reencoding, progress: any ProgressReporter = SilentProgress(),
        isStopped: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> ReencodingReport {
        contract(request.batch >= 1, "reencode: batches of \(request.batch)")
        let source = try collection(name)
        let run = ReencodingRun(isStopped)
        try withOpen { open throws(KuklaError) in
            guard open[source.name] === source else { throw unknown(source.name) }
            try reencodings.withLock { runs throws(KuklaError) in
                guard runs[source.name] == nil else {
                    throw KuklaError(
                        .usage,
                        "The collection '\(source.name)' is being re-encoded already: wait until that is done, or stop it."
                    )
                }
                runs[source.name] = run
            }
        }
        defer {
            reencodings.withLock { runs in runs[source.name] = nil }
            run.end()
        }
        return try run.run(source, in: self, request, progress)
    }

    /// Throws what `reencode` would, before it does anything.
    ///
    /// - Throws: `KuklaError.usage`.
    public func check(_ request: Reencoding, of name: String) throws(KuklaError) {
        let source = try collection(name)
        let settings = try ReencodingRun.check(request, of: source)
        let folder = ReencodingFolder(of: source.name, in: collections)
        guard !request.startsAnew, let begun = try folder.unfinished() else { return }
        try ReencodingRun.check(
            UnfinishedReencoding(model: request.model, settings: settings), goesOnWith: begun, source.name)
    }

    /// The re-encoding of a collection that was begun and is not done, whether it is going on or was stopped.
    ///
    /// - Throws: `KuklaError`: `usage` where there is no such collection; `badData` where its folder is damaged.
    public func unfinishedReencoding(of name: String) throws(KuklaError) -> UnfinishedReencoding? {
        try reencodingFolder(of: name).folder.unfinished()
    }

    /// Collections that have such a one.
    public var unfinishedReencodings: [CollectionName] {
        names.filter { name in
            let folder = ReencodingFolder(of: name, in: collections)
            // A damaged one is one, too: somebody is to hear of it.
            do { return try folder.unfinished() != nil } catch { return true }
        }
    }

    /// Stops the re-encoding of a collection, where one is going on, and throws away what was done of it; says whether there was any.
    ///
    /// - Throws: `KuklaError`: `usage` where there is no such collection; `inputOutput`.
    @discardableResult
    public func giveUpReencoding(of name: String) throws(KuklaError) -> Bool {
        let (name, folder) = try reencodingFolder(of: name)
        while let run = reencodings.withLock({ $0[name] }) { run.stop() }
        return try withOpen { _ throws(KuklaError) in
            try refuseWhileReencoding(name, "give up what was re-encoded of")
            let isThere = FileManager.default.fileExists(atPath: folder.url.path)
            try folder.remove()
            return isThere
        }
    }

    private func reencodingFolder(
        of name: String
    ) throws(KuklaError) -> (name: CollectionName, folder: ReencodingFolder) {
        let given = try CollectionName(name)
        let name = try aliases()[given] ?? given
        guard names.contains(name) else { throw unknown(name) }
        return (name, ReencodingFolder(of: name, in: collections))
    }

    /// Throws where the collection is being re-encoded. Called with `open` locked.
    func refuseWhileReencoding(_ name: CollectionName, _ what: String) throws(KuklaError) {
        guard reencodings.withLock({ $0[name] }) == nil else {
            throw KuklaError(
                .usage,
                "Cannot \(what) the collection '\(name)': it is being re-encoded. Wait until that is done, or give it up."
            )
        }
    }

    /// Stops all that are going on; what they did is kept.
    func stopReencodings() {
        for run in reencodings.withLock({ Array($0.values) }) { run.stop() }
    }

    /// Closes `old`, lets `body` put another collection into its folder, and opens that.
    func replace(
        _ old: StoredCollection, _ body: (_ folder: URL) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        try withOpen { open throws(KuklaError) in
            guard open[old.name] === old else { throw unknown(old.name) }
            known.withLock { $0 = [:] }
            open[old.name] = nil
            old.close()
            // Where this throws, the old one is opened again by whoever asks for it next.
            try body(folder(old.name))
            open[old.name] = try StoredCollection(old.name, in: folder(old.name), options)
        }
    }
}
