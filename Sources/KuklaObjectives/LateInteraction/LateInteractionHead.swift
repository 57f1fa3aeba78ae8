import KuklaCodecs
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// The layer that makes vectors for late interaction of what a text encoder gives for each token: a linear layer, then
/// division by the norm.
public struct LateInteractionHead: Module {
    let linear: Linear

    /// A head that begins as the leading principal components of `states`, centred: trained encoders' tokens all lean to one
    /// mean, which says nothing about a text. Whitened ones were measured to find less on SciFact, before training and after.
    ///
    /// - Throws: `KuklaError` (`usage` where `dimensions` are more than those of the states; `badData`).
    /// - Complexity: O(states * d^2 + d^3).
    public init(_ dimensions: Int, of states: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        guard dimensions <= states.columns else {
            throw KuklaError(
                .usage,
                "Cannot make token vectors of \(dimensions) dimensions: the model gives \(states.columns). Ask for at most that."
            )
        }
        let components = try PrincipalComponents(of: states, threads: threads)
        let weight = components.directions[rows: 0..<dimensions]
        let bias = (0..<dimensions).map { row in
            -zip(weight.row(row), components.mean).reduce(0) { $0 + $1.0 * $1.1 }
        }
        linear = Linear(weight: Tensor(weight), bias: Tensor(bias))
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("linear", linear) }

    /// *Shapes:* `states [tokens, hidden size]`; the result `[tokens, dimensions]`, rows of length 1.
    public func callAsFunction(_ states: Tensor, mode: ForwardMode = .inference) -> Tensor {
        linear(states, mode: mode).normalized()
    }

    /// The vectors of sets of states, without recording.
    public func callAsFunction(_ states: VectorSets) -> VectorSets {
        VectorSets(
            vectors: withoutGradient { self(Tensor(states.vectors)) }.matrix, offsets: states.offsets)
    }

    public var dimensions: Int { linear.outputDimensions }
    /// `[dimensions, hidden size]`.
    public var weight: Matrix { linear.weight.value.matrix }
    /// `dimensions` numbers.
    public var bias: [Float] { linear.bias?.value.elements ?? [] }
}
