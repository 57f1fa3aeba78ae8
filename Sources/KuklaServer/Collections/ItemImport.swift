import Hummingbird
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import NIOCore

/// Writes the lines of a body into a collection while they arrive: a block of bytes is a batch of items, which is a transaction. One
/// is written while the next one is read, and memory holds no more than these.
final class ItemImport: Sendable {
    /// What came of it.
    struct Total {
        var lines = 0
        var inserted = 0
        var replaced = 0
    }

    private typealias Writes = ThrowingTaskGroup<Void, any Error>

    /// The collection, or the one that took its place.
    private let current: Guarded<StoredCollection>
    private let name: CollectionName
    private let store: Store
    private let server: APIServer
    private let context: RequestScope
    private let total = Guarded(Total())

    private var maximumLine: Int { server.configuration.maximumLine }

    init(into collection: StoredCollection, of store: Store, server: APIServer, _ context: RequestScope) {
        current = Guarded(collection)
        name = collection.name
        self.store = store
        self.server = server
        self.context = context
    }

    /// What an error says of what was done before it.
    var kept: String {
        let total = total.withLock { $0 }
        return "\(total.inserted + total.replaced) items were kept."
    }

    /// - Throws: `APIFailure.invalidRequest` with the number of the line at fault; what was before it is kept.
    func run(_ body: RequestBody, _ watch: BodyWatch) async throws -> Total {
        try await withThrowingTaskGroup(of: Void.self) { writes in
            var lines = LineBlocks()
            watch.begins()
            for try await var part in body {
                watch.ends()
                defer { watch.begins() }
                lines.append(&part)
                // A line over the limit is found when it is read.
                if lines.isFull || lines.openLineBytes > maximumLine {
                    try await add(lines.take(all: lines.openLineBytes > maximumLine), &writes)
                }
            }
            watch.ends()
            // A body that ends because nobody sends it any more has no end.
            try Task.checkCancellation()
            try await add(lines.take(all: true), &writes)
            while try await writes.next() != nil {}
        }
        try await server.writing.run { [self] in current.withLock { $0 }.endImport() }
        return total.withLock { $0 }
    }

    /// Reads a block and has its items written, after those of the block before.
    private func add(_ block: LineBlocks.Block, _ writes: inout Writes) async throws {
        let prepared: (batch: Batch, made: Matrix?)
        do { prepared = try await prepare(block) } catch {
            _ = try await writes.next()
            throw error
        }
        _ = try await writes.next()
        writes.addTask { [self] in
            try await whileReplaced { failures in
                guard failures > 0 else { return try await write(prepared.batch, prepared.made) }
                // A re-encoding has ended: the block once more, for the collection as it is now.
                try await lookUp()
                let (batch, made) = try await prepare(block)
                try await write(batch, made)
            }
        }
    }

    /// Reads a block and makes the vectors that its items lack.
    private func prepare(_ block: LineBlocks.Block) async throws -> (Batch, Matrix?) {
        let batch = try await server.reading.run { [self] in self.read(block) }
        do { return (batch, try await vectors(of: batch)) } catch {
            guard let failure = error as? APIFailure, failure.kind == .invalidRequest else { throw error }
            throw refused(failure.message, line: batch.items.places[batch.items.bare[0]])
        }
    }

    private func lookUp() async throws {
        try await server.writing.run { [self] in
            let now = try store.collection(name, for: context.principal, .write)
            current.withLock { $0 = now }
        }
    }

    // MARK: - Read

    /// The items of a block, and what stopped the reading of them.
    private struct Batch: Sendable {
        let collection: StoredCollection
        var items: PendingItems
        let firstLine: Int
        var lines = 0
        /// What is wrong with the last line.
        var fault: String?

        var lastLine: Int { firstLine + lines - 1 }
    }

    private func read(_ block: LineBlocks.Block) -> Batch {
        let collection = current.withLock { $0 }
        var batch = Batch(
            collection: collection, items: PendingItems(collection), firstLine: block.firstLine)
        block.forEachLine { line in
            batch.lines += 1
            guard line.count <= maximumLine else {
                batch.fault = "it is longer than the \(maximumLine) bytes that this server reads"
                return false
            }
            var scanner = JSONScanner(line)
            // Empty lines are skipped.
            guard scanner.peek() != nil else { return true }
            do throws(JSONFault) {
                try batch.items.read(&scanner, at: batch.lastLine, isWhole: true)
            } catch { batch.fault = "\(error.what) (byte \(error.offset))" }
            return batch.fault == nil
        }
        return batch
    }

    private func vectors(of batch: Batch) async throws -> Matrix? {
        guard !batch.items.bare.isEmpty else { return nil }
        return try await ItemTexts(batch.collection, server, context).vectorsOfItems(batch.items.bareTexts)
    }

    // MARK: - Write

    /// Writes a batch, and then throws what stopped the reading of it.
    private func write(_ batch: Batch, _ made: Matrix?) async throws {
        try await server.writing.run { [self] in
            if batch.items.count > 0 {
                try store.answering(batch.collection) {
                    try write(
                        batch.items.batch(made), places: batch.items.places[...], to: batch.collection)
                }
            }
            total.withLock { $0.lines += batch.lines }
            if let fault = batch.fault { throw refused(fault, line: batch.lastLine) }
        }
    }

    /// Writes items; where the store refuses one of them, those before it.
    private func write(
        _ items: ItemBatch, places: ArraySlice<Int>, to collection: StoredCollection
    ) throws {
        do throws(KuklaError) {
            let report = try collection.write(items)
            total.withLock { total in
                total.inserted += report.inserted
                total.replaced += report.replaced
            }
        } catch {
            guard error.code == .badData else { throw error }
            guard items.count > 1 else { throw refused(error.message, line: places.first ?? 0) }
            let half = items.count / 2
            try write(items[0..<half], places: places.prefix(half), to: collection)
            try write(items[half..<items.count], places: places.dropFirst(half), to: collection)
        }
    }

    private func refused(_ what: String, line: Int) -> APIFailure {
        APIFailure(.invalidRequest, "Line \(line): \(what). \(kept)", code: "invalid_line")
    }
}
