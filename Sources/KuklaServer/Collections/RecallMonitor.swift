import KuklaNumerics
import KuklaStore
import Logging
import ServiceLifecycle

/// Does some of the last searches again in the background, exactly, so that `/metrics` says what searches find.
///
/// A check compares all vectors of a collection. It is done for collections that were searched since the last one, and so seldom that it
/// takes no more than a hundredth of the time.
package final class RecallMonitor: Service {
    private struct Turn {
        var isSearched = false
        var recall: Double?
        /// Before then there is no check.
        var next = ContinuousClock.now
    }

    /// Searches that a check does again.
    private static let sampleCount = 16
    private static let share = 0.01

    private let store: Store
    private let pool: WorkPool
    private let registry: MetricRegistry
    private let interval: Duration
    private let turns = Guarded([CollectionName: Turn]())

    /// - Parameter interval: how often it is looked for collections whose turn it is.
    init(_ store: Store, _ pool: WorkPool, _ registry: MetricRegistry, interval: Duration = .seconds(10)) {
        self.store = store
        self.pool = pool
        self.registry = registry
        self.interval = interval
    }

    /// Hears that a collection was searched.
    func searched(_ name: CollectionName) { turns.withLock { $0[name, default: Turn()].isSearched = true } }

    /// Checks until the server ends.
    func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            while true {
                try await Task.sleep(for: interval)
                try await pool.run { [self] in checkAll() }
            }
        }
    }

    /// Checks all collections whose turn it is.
    package func checkAll() {
        let names = Set(store.names)
        turns.withLock { turns in turns = turns.filter { names.contains($0.key) } }
        let due = turns.withLock { turns in
            turns.filter { $0.value.isSearched && $0.value.next <= .now }.map(\.key)
        }
        for name in due {
            turns.withLock { $0[name]?.isSearched = false }
            let start = ContinuousClock.now
            // One that was dropped meanwhile, or cannot be read, has no figure; who asks for it hears why.
            let check = try? store.collection(name.description).checkRecall(sample: Self.sampleCount)
            let seconds = start.duration(to: .now) / .seconds(1)
            registry.add(seconds, to: "kukla_recall_check_seconds_total")
            turns.withLock { turns in
                turns[name]?.recall = check?.recall
                turns[name]?.next = .now.advanced(by: .seconds(seconds / Self.share))
            }
        }
        if !due.isEmpty { ProcessMemory.trim() }
        // Collections that are gone have no figure.
        let found = turns.withLock { $0.compactMapValues(\.recall) }
        registry.clear(Self.gauge)
        for (name, recall) in found {
            registry.set(Self.gauge, to: recall, [("collection", name.description)])
        }
    }

    private static let gauge = "kukla_collection_recall_estimate"
}
