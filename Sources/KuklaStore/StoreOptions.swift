public import KuklaNumerics

/// How a store works on this machine; nothing of it is kept in the store.
public struct StoreOptions: Sendable {
    /// When a write is acknowledged.
    public enum Durability: String, Sendable, CaseIterable {
        /// When the disk has it: SQLite's `synchronous=FULL`. Survives a power cut.
        case full
        /// When the operating system has it: `synchronous=NORMAL`. Survives the end of the process; a power cut may take the last
        /// writes, never a part of one.
        case process
    }

    /// Who folds fresh items into the index.
    public enum Maintenance: Sendable {
        /// The collection, on a thread of its own, when there are too many of them to search from memory.
        case background
        /// Whoever calls `compact`.
        case manual
    }

    public var durability = Durability.full
    public var maintenance = Maintenance.background
    /// Bytes of fresh vectors that a collection holds in memory; further ones are searched from the database until they are
    /// folded into the index.
    public var freshBytes: Int
    /// Bytes of database pages that each connection of a collection holds.
    public var cacheBytes: Int
    /// Bytes of vectors that training an index looks at.
    public var trainingBytes: Int
    /// Connections for readers of each collection.
    public var readers = 4
    /// Finds plans for collections that have a budget.
    public var fitter: (any PlanFitter)?
    public var threads: Int
    /// Hears what was damaged and what became of it, one sentence each; may be called on any thread.
    public var report: @Sendable (String) -> Void = { _ in }
    /// An index of at most so many bytes is checked whole when its collection is opened, a larger one in the background.
    package var checkedAtOnce = 32 << 20
    /// Called before an index is checked in the background: for tests that look at what happens meanwhile.
    package var willCheck: @Sendable () -> Void = {}

    /// - Parameter memory: bytes to keep to, beside the codes of indexes, which are mapped files.
    public init(memory: Int = 512 << 20, threads: Int = defaultThreadCount) {
        freshBytes = max(memory / 8, 1 << 20)
        cacheBytes = max(memory / 32, 1 << 20)
        trainingBytes = max(memory / 8, 1 << 22)
        self.threads = threads
    }
}
