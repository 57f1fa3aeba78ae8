import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// One re-encoding of a collection, from the first text to the change of places.
///
/// The items are copied in the order of the operations that wrote them, under the same numbers: whatever is written meanwhile comes after what
/// was copied, and what goes is heard of (`StoredCollection.departed`). So the copy is always the source as it was at some operation, less
/// what has gone since, and its last operation says how far it is.
final class ReencodingRun: Sendable {
    private struct State {
        var isStopped = false
        /// What makes an index, to be told to stop.
        var target: StoredCollection?
    }

    private let state = Guarded(State())
    private let ended = DispatchSemaphore(value: 0)
    private let isCancelled: @Sendable () -> Bool

    init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }

    private var isStopped: Bool { state.withLock(\.isStopped) || isCancelled() }

    /// Asks the run to stop after its batch, and waits until it has.
    func stop() {
        let target = state.withLock { state in
            state.isStopped = true
            return state.target
        }
        target?.background.stop()
        ended.wait()
        ended.signal()
    }

    /// Says that the run is over.
    func end() { ended.signal() }

    // MARK: - The work

    /// Brings `source` over. On return the store has the new collection in its place.
    func run(
        _ source: StoredCollection, in store: Store, _ request: Reencoding, _ progress: any ProgressReporter
    ) throws(KuklaError) -> ReencodingReport {
        let start = ContinuousClock.now
        let settings = try Self.check(request, of: source)
        source.beginFollowing()
        defer { source.endFollowing() }
        let folder = ReencodingFolder(of: source.name, in: store.collections)
        let target = try open(folder, source, store, request, settings, progress)
        state.withLock { $0.target = target }
        defer {
            state.withLock { $0.target = nil }
            target.close()
        }
        var copy = Copy(source: source, target: target, request: request, reached: try target.operation())
        let resumed = try target.count()
        try copyAll(&copy, resumed: resumed, progress)
        try copyPaths(from: source, to: target)
        try makeIndex(of: target, progress)
        try catchUp(&copy)
        if target.state.withLock(\.wantsCompaction) { try makeIndex(of: target, progress) }
        try checkStopped(copy)
        let (count, held) = try takePlace(&copy, folder, in: store)
        return ReencodingReport(
            count: count, embedded: copy.embedded, resumed: resumed, dimensions: target.settings.dimensions,
            plan: target.state.withLock { $0.segment?.index.configuration.description },
            seconds: start.duration(to: .now) / .seconds(1), heldSeconds: held)
    }

    /// What the collection is to be.
    ///
    /// - Throws: `KuklaError.usage` where items have no text, or the plan does not fit.
    static func check(
        _ request: Reencoding, of source: StoredCollection
    ) throws(KuklaError) -> CollectionSettings {
        let settings = try request.settings(after: source.settings)
        let (count, some) = try source.itemsWithoutText()
        guard count > 0 else { return settings }
        let ids = some.map { "'\($0)'" }.joined(separator: ", ")
        throw KuklaError(
            .usage,
            "Cannot re-encode the collection '\(source.name)': \(count) of its items \(count == 1 ? "has" : "have") no text that a model could embed (\(ids)\(count > some.count ? ", ..." : "")). Write them again with their texts, or delete them."
        )
    }

    /// The collection that grows: the one that an earlier run began, as far as it is of the source, or a new one.
    private func open(
        _ folder: ReencodingFolder, _ source: StoredCollection, _ store: Store, _ request: Reencoding,
        _ settings: CollectionSettings, _ progress: any ProgressReporter
    ) throws(KuklaError) -> StoredCollection {
        let wanted = UnfinishedReencoding(model: request.model, settings: settings)
        var options = store.options
        // It is made an index on request, and nobody searches it before.
        options.maintenance = .manual
        options.freshBytes = min(options.freshBytes, 1 << 20)
        if !request.startsAnew, let begun = try folder.unfinished() {
            try Self.check(wanted, goesOnWith: begun, source.name)
            let target = try StoredCollection(source.name, in: folder.url, options)
            do throws(KuklaError) {
                if let departed = try target.departed(from: source) {
                    try target.write(
                        [], Matrix(rows: 0, columns: target.settings.dimensions), departed: departed)
                    return target
                }
            } catch {
                target.close()
                throw error
            }
            target.close()
            progress.announce(
                "what an earlier run did is not of the items that there are now, and is done again")
        }
        try folder.begin(wanted, options)
        return try StoredCollection(source.name, in: folder.url, options)
    }

    /// Throws where what was begun is something else.
    static func check(
        _ wanted: UnfinishedReencoding, goesOnWith begun: UnfinishedReencoding, _ name: CollectionName
    ) throws(KuklaError) {
        guard begun.model.digest == wanted.model.digest, begun.settings.isSameForm(as: wanted.settings)
        else {
            throw KuklaError(
                .usage,
                "A re-encoding of the collection '\(name)' for the model \(begun.model.short) with \(begun.settings.dimensions) dimensions was begun and is not done. Go on with that model and plan, or start anew and throw away what it did."
            )
        }
    }

    private func copyAll(
        _ copy: inout Copy, resumed: Int, _ progress: any ProgressReporter
    ) throws(KuklaError) {
        let total = try copy.source.count()
        progress.resume("Re-encoding", done: resumed, total: total, unit: "texts")
        defer { progress.end() }
        while true {
            try checkStopped(copy)
            let count = try copy.next()
            progress.advance(by: count)
            guard count > 0 else { return }
        }
    }

    /// Copies what was written meanwhile, until little is left: writers may be faster than the model.
    private func catchUp(_ copy: inout Copy) throws(KuklaError) {
        for _ in 0..<16 {
            guard try copy.source.count(after: copy.reached) > copy.request.batch / 4 else { return }
            while try copy.next() > copy.request.batch / 4 { try checkStopped(copy) }
        }
    }

    private func makeIndex(
        of target: StoredCollection, _ progress: any ProgressReporter
    ) throws(KuklaError) {
        do throws(KuklaError) { try target.compact(progress: progress) } catch {
            // It knows the collection by the name that it shares with the source.
            guard error.code == .cancelled else { throw error }
            throw Self.stopped(target.name)
        }
    }

    private func copyPaths(
        from source: StoredCollection, to target: StoredCollection
    ) throws(KuklaError) {
        let there = Set(try target.info().indexedPaths)
        for path in try source.info().indexedPaths where !there.contains(path) {
            try target.index(MetadataPath(parsing: path))
        }
    }

    private func checkStopped(_ copy: Copy) throws(KuklaError) {
        if isStopped { throw Self.stopped(copy.source.name) }
    }

    private static func stopped(_ name: CollectionName) -> KuklaError {
        KuklaError(
            .cancelled,
            "The re-encoding of the collection '\(name)' was stopped; what it did is kept, and it goes on from there when it is asked for again."
        )
    }

    // MARK: - The end

    /// Copies the last items while writers wait, and lets the new collection take the place of the old one. Says how many items there are
    /// and for how many seconds writers waited.
    private func takePlace(
        _ copy: inout Copy, _ folder: ReencodingFolder, in store: Store
    ) throws(KuklaError) -> (count: Int, seconds: Double) {
        let (source, target) = (copy.source, copy.target)
        // Work in the background may wait for writers, and closing waits for that work.
        source.checker.stop()
        source.background.stop()
        var isDone = false
        defer {
            if !isDone {
                source.checker.restart()
                source.background.restart()
                source.endImport()
            }
        }
        // A snapshot, or an index that somebody asked for, is finished in the old folder first.
        let result = try source.compacting.withLock { _ throws(KuklaError) in
            try catchUp(&copy)
            return try source.writing.withLock { _ throws(KuklaError) in
                let start = ContinuousClock.now
                while try copy.next() > 0 {}
                try copyPaths(from: source, to: target)
                try target.continueNumbering(from: source.operation())
                let count = try target.count()
                try target.database.checkpoint()
                target.close()
                try store.replace(source) { old throws(KuklaError) in try folder.takePlace(of: old) }
                return (count, start.duration(to: .now) / .seconds(1))
            }
        }
        isDone = true
        // What is left of the old one is removed when the store is opened next.
        try? folder.remove()
        return result
    }
}

/// How far the copying is.
private struct Copy {
    let source: StoredCollection
    let target: StoredCollection
    let request: Reencoding
    /// The last operation whose item was looked at.
    var reached: Int64
    /// Texts that were embedded.
    var embedded = 0

    /// Embeds and writes the next items, and deletes those that went; says how many items were copied.
    mutating func next() throws(KuklaError) -> Int {
        let items = try source.copies(after: reached, count: request.batch)
        let texts = items.compactMap(\.text)
        guard texts.count == items.count else {
            let ids = items.filter { $0.text == nil }.prefix(5).map { "'\(ItemID($0.id))'" }
            throw KuklaError(
                .badData,
                "Cannot go on re-encoding the collection '\(source.name)': items without texts were written meanwhile (\(ids.joined(separator: ", "))). Write them again with their texts or delete them, and ask for it again: it goes on where it is."
            )
        }
        var vectors = Matrix(rows: 0, columns: target.settings.dimensions)
        if !items.isEmpty {
            vectors = try request.embed(texts)
            guard vectors.rows == items.count, vectors.columns == target.settings.dimensions else {
                throw KuklaError(
                    .badData,
                    "Cannot re-encode the collection '\(source.name)': the model made \(vectors.rows) vectors of \(vectors.columns) components of \(items.count) texts, expected \(target.settings.dimensions) components."
                )
            }
        }
        // After the items were read: what went before that is not among them, what went since is taken out.
        try target.write(items, vectors, departed: source.takeDeparted())
        reached = items.last?.sequence ?? reached
        embedded += items.count
        return items.count
    }
}

extension CollectionSettings {
    /// Whether collections of both kinds are made alike; the model may be called otherwise.
    fileprivate func isSameForm(as other: CollectionSettings) -> Bool {
        var renamed = other
        renamed.model = model
        return self == renamed
    }
}
