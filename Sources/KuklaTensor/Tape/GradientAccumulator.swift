import KuklaNumerics

/// Gradients on their way back: for each node that was reached, the sum of what has arrived so far.
package struct GradientAccumulator {
    private var pending: [ObjectIdentifier: Gradient] = [:]
    private var queue = NodeQueue()
    let isRecording: Bool
    /// The operation whose pullback is running: what the NaN hunt names.
    var operation: StaticString = "seed"

    init(recording: Bool) { isRecording = recording }

    /// Adds a gradient of `tensor`; does nothing where no gradient flows through it.
    package mutating func add(_ gradient: @autoclosure () -> Tensor, to tensor: Tensor) {
        guard let node = tensor.node else { return }
        add(.dense(gradient()), to: node)
    }

    /// Adds a gradient of some of a table's rows.
    package mutating func add(rows gradient: @autoclosure () -> RowGradient, to table: Tensor) {
        guard let node = table.node else { return }
        add(.rows(gradient()), to: node)
    }

    package mutating func add(_ gradient: Gradient, to node: GradientNode) {
        if case .dense(let tensor) = gradient {
            contract(
                tensor.shape == node.shape,
                "gradient of \(node.operation): shape \(tensor.shape) for a value of shape \(node.shape)")
        }
        FiniteCheck.check(gradient, madeBy: operation)
        let key = ObjectIdentifier(node)
        if var sum = pending.removeValue(forKey: key) {
            sum.add(gradient, recording: isRecording)
            pending[key] = sum
        } else {
            pending[key] = gradient
            queue.insert(node)
        }
    }

    /// The node that was made last of all those reached, and its gradient, which is then complete.
    mutating func next() -> (node: GradientNode, gradient: Gradient)? {
        guard let node = queue.popLatest(),
            let gradient = pending.removeValue(forKey: ObjectIdentifier(node))
        else { return nil }
        return (node, gradient)
    }
}

/// A heap of nodes, the greatest number on top.
private struct NodeQueue {
    private var heap: [GradientNode] = []

    mutating func insert(_ node: GradientNode) {
        heap.append(node)
        var i = heap.count - 1
        while i > 0, heap[(i - 1) / 2].number < heap[i].number {
            heap.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    mutating func popLatest() -> GradientNode? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return top }
        heap[0] = last
        var i = 0
        while true {
            var largest = i
            for child in [2 * i + 1, 2 * i + 2] where child < heap.count {
                if heap[child].number > heap[largest].number { largest = child }
            }
            guard largest != i else { return top }
            heap.swapAt(i, largest)
            i = largest
        }
    }
}
