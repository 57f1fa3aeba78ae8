import Synchronization

/// Counts the products that searches take of components with components: what a scan costs whatever the machine.
///
/// Belongs to an index for the time of a measurement; searches of all threads add to it.
public final class MultiplicationCounter: Sendable {
    private let total = Atomic<Int>(0)

    public init() {}

    /// Multiplications so far.
    public var count: Int { total.load(ordering: .relaxed) }

    func add(vectors: Int, dimensions: Int) { total.add(vectors * dimensions, ordering: .relaxed) }
}
