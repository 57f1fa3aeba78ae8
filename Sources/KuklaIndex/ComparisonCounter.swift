import Synchronization

/// Counts the vectors that searches compare with their queries: what a search costs whatever the machine.
///
/// Belongs to an index for the time of a measurement; searches of all threads add to it.
public final class ComparisonCounter: Sendable {
    private let total = Atomic<Int>(0)

    public init() {}

    /// Vectors compared so far.
    public var count: Int { total.load(ordering: .relaxed) }

    func add(_ comparisons: Int) { total.add(comparisons, ordering: .relaxed) }
}
