import KuklaNumerics

extension Tensor {
    /// The gradients of this scalar with respect to every parameter and watched tensor that it was computed from.
    ///
    /// What the operations had kept for this is freed on the way, unless `keepingGraph`: a second call then traps.
    /// - Complexity: about twice the cost of computing the scalar.
    public func gradients(keepingGraph: Bool = false) -> Gradients {
        contract(count == 1, "gradients: shape \(shape) is not a scalar: reduce it first, by sum or mean")
        return gradients(seed: Tensor(shape: shape, elements: [1]), keepingGraph: keepingGraph)
    }

    /// The gradients of `sum(self * seed)`: a gradient that was computed elsewhere is carried on to the leaves.
    public func gradients(seed: Tensor, keepingGraph: Bool = false) -> Gradients {
        contract(seed.shape == shape, "gradients: seed of shape \(seed.shape) for a value of shape \(shape)")
        var result = Gradients()
        guard let node else { return result }
        Tape.walk(from: [(node, seed)], keepingGraph: keepingGraph, recording: false) { leaf, gradient in
            result[leaf: leaf] = gradient
        }
        return result
    }

    /// This value as a new leaf, at which gradients end.
    public func watched() -> Tensor {
        Tensor(shape: shape, storage: storage, offset: offset, node: GradientNode(leaf: shape))
    }

    /// This value without its past: no gradient flows through it.
    public var detached: Tensor { Tensor(shape: shape, storage: storage, offset: offset) }
}

/// The gradients of the scalar `output` with respect to `inputs`, which may be leaves or results on the way; zeros where
/// `output` does not depend on one.
///
/// Where `isDifferentiable`, the gradients are recorded and can be differentiated again (input-gradient penalties).
/// That works through the operations that ARCHITECTURE.md lists; any other traps and says its name. The graph is kept.
public func gradients(
    of output: Tensor, withRespectTo inputs: [Tensor], isDifferentiable: Bool = false
) -> [Tensor] {
    contract(output.count == 1, "gradients: shape \(output.shape) is not a scalar")
    var found: [ObjectIdentifier: Tensor] = [:]
    let wanted = Set(inputs.compactMap { $0.node.map(ObjectIdentifier.init) })
    if let node = output.node {
        let seed = Tensor(shape: output.shape, elements: [1])
        Tape.walk(
            from: [(node, seed)], keepingGraph: true, recording: isDifferentiable,
            observing: { node, gradient in
                if wanted.contains(ObjectIdentifier(node)) { found[ObjectIdentifier(node)] = gradient.dense }
            }, leaf: { _, _ in })
    }
    return inputs.map { input in
        input.node.flatMap { found[ObjectIdentifier($0)] } ?? Tensor.zeros(input.shape)
    }
}

extension Tape {
    /// Carries gradients from `seeds` back through everything that was recorded, latest operation first.
    static func walk(
        from seeds: [(GradientNode, Tensor)], keepingGraph: Bool, recording: Bool,
        observing: ((GradientNode, Gradient) -> Void)? = nil, leaf: (GradientNode, Gradient) -> Void
    ) {
        var accumulator = GradientAccumulator(recording: recording)
        for (node, seed) in seeds { accumulator.add(.dense(seed), to: node) }
        Tape.$isRecording.withValue(recording) {
            Tape.$isDifferentiatingBackward.withValue(recording) {
                while let (node, gradient) = accumulator.next() {
                    observing?(node, gradient)
                    if node.isLeaf {
                        leaf(node, gradient)
                        continue
                    }
                    guard let pullback = node.takePullback(keeping: keepingGraph) else {
                        fatalError(
                            "gradients: \(node.operation) was differentiated before; pass keepingGraph: true the first time"
                        )
                    }
                    accumulator.operation = node.operation
                    pullback(gradient.dense, &accumulator)
                }
            }
        }
    }
}
