import KuklaCodecs
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// The layer that makes vectors for late interaction of what a text encoder gives for each token: a linear layer, then
/// division by the norm.
public struct LateInteractionHead: Module {
    let linear: Linear

    /// A head that begins as the whitened leading principal components of `states`: centred, every output of variance 1.
    /// Trained encoders' tokens all lean to one mean, which says nothing about a text.
    ///
    /// - Throws: `KuklaError` (`usage` where `dimensions` are more than those of the states; `badData`).
    /// - Complexity: O(states * d^2 + d^3).
    public init(_ dimensions: Int, whitening states: Matrix, threads: Int = defaultThreadCount)
        throws(KuklaError)
    {
        guard dimensions <= states.columns else {
            throw KuklaError(
                .usage,
                "Cannot make token vectors of \(dimensions) dimensions: the model gives \(states.columns). Ask for at most that."
            )
        }
        let components = try PrincipalComponents(of: states, threads: threads)
        let least = max(components.variances[0] * 1e-6, .leastNormalMagnitude)
        let weight = Matrix(rows: dimensions, columns: states.columns) { out in
            for row in 0..<dimensions {
                let scale = 1 / max(components.variances[row], least).squareRoot()
                for (i, x) in components.directions.row(row).enumerated() {
                    out[row * states.columns + i] = x * scale
                }
            }
        }
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
