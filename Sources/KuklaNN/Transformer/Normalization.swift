import KuklaNumerics
public import KuklaTensor

/// The norm of a transformer block: mean and variance, or root mean square only.
public enum Normalization: Module {
    case layer(LayerNorm)
    case rootMeanSquare(RMSNorm)

    /// Which norm, with its epsilon.
    public enum Kind: Sendable, Hashable {
        case layer(epsilon: Float)
        case rootMeanSquare(epsilon: Float)
    }

    /// Weight 1, and bias 0 where there is one.
    public init(_ kind: Kind, dimensions: Int) {
        switch kind {
        case .layer(let epsilon): self = .layer(LayerNorm(dimensions, epsilon: epsilon))
        case .rootMeanSquare(let epsilon): self = .rootMeanSquare(RMSNorm(dimensions, epsilon: epsilon))
        }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        switch self {
        case .layer(let norm): norm.visit(&visitor)
        case .rootMeanSquare(let norm): norm.visit(&visitor)
        }
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .layer(let norm): norm(x)
        case .rootMeanSquare(let norm): norm(x)
        }
    }

    /// The norm of `x + residual`, in one pass where it is a layer norm.
    public func callAsFunction(_ x: Tensor, adding residual: Tensor) -> Tensor {
        switch self {
        case .layer(let norm): norm(x, adding: residual)
        case .rootMeanSquare(let norm): norm(x + residual)
        }
    }
}
