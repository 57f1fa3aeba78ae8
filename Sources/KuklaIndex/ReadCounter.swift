import Synchronization

/// Counts what searches read from the file of finer codes: what a search costs whatever the disk.
///
/// Copies of an index share it, and searches of all threads add to it.
public final class ReadCounter: Sendable {
    private let totalBytes = Atomic<Int>(0)
    private let totalReads = Atomic<Int>(0)

    init() {}

    /// Bytes read so far.
    public var bytes: Int { totalBytes.load(ordering: .relaxed) }
    /// Reads so far: rows that lie side by side are read at once.
    public var reads: Int { totalReads.load(ordering: .relaxed) }

    func add(bytes: Int) {
        totalBytes.add(bytes, ordering: .relaxed)
        totalReads.add(1, ordering: .relaxed)
    }
}
