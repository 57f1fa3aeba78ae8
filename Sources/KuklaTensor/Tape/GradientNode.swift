import Synchronization

/// Hands an operation's gradient on to its inputs.
package typealias Pullback = @Sendable (_ gradient: Tensor, _ inputs: inout GradientAccumulator) -> Void

/// One recorded operation: whom its gradient goes to and how. A leaf (a parameter, a watched input) has no inputs.
///
/// Nodes are numbered as they are made, so an operation's number is greater than those of its inputs: going down in
/// number is going back in time.
package final class GradientNode: Sendable {
    package let operation: StaticString
    package let number: UInt64
    package let shape: [Int]
    package var isLeaf: Bool { isLeafNode }
    private let isLeafNode: Bool

    private struct Edge: Sendable {
        var inputs: [GradientNode]
        var pullback: Pullback?
    }
    private let edge: Mutex<Edge>
    private static let counter = Atomic<UInt64>(0)

    /// A node that gradients end at.
    package init(leaf shape: [Int]) {
        operation = "leaf"
        self.shape = shape
        isLeafNode = true
        number = Self.counter.add(1, ordering: .relaxed).newValue
        edge = Mutex(Edge(inputs: [], pullback: nil))
    }

    package init(
        _ operation: StaticString, shape: [Int], inputs: [GradientNode], pullback: @escaping Pullback
    ) {
        self.operation = operation
        self.shape = shape
        isLeafNode = false
        number = Self.counter.add(1, ordering: .relaxed).newValue
        edge = Mutex(Edge(inputs: inputs, pullback: pullback))
    }

    /// The pullback, which the caller then runs; unless `keeping`, what it holds is freed with it.
    func takePullback(keeping: Bool) -> Pullback? {
        edge.withLock { edge in
            defer {
                if !keeping {
                    edge.pullback = nil
                    edge.inputs = []
                }
            }
            return edge.pullback
        }
    }

    /// The operations that the inputs came from.
    package var inputs: [GradientNode] { edge.withLock { $0.inputs } }

    private func takeInputs() -> [GradientNode] {
        edge.withLock { edge in
            defer { edge = Edge(inputs: [], pullback: nil) }
            return edge.inputs
        }
    }

    // A long chain would be freed link by link, one stack frame each: take it apart in a loop instead.
    deinit {
        var pending = takeInputs()
        while var node = pending.popLast() {
            if isKnownUniquelyReferenced(&node) { pending += node.takeInputs() }
        }
    }
}
