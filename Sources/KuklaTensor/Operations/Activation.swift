package import CKernels

/// A function of one number between two layers, where it can be computed together with the product before it.
public enum Activation: String, Sendable, CaseIterable, Codable {
    case none
    /// `x/2 (1 + erf(x / sqrt 2))`: Hendrycks and Gimpel 2016, arXiv:1606.08415.
    case gelu
    /// The tanh approximation of GELU (GPT-2's "gelu_new").
    case geluTanh
    case relu
    /// `x sigmoid(x)`, also called swish.
    case silu
    case tanh
    case sigmoid
    /// `log(1 + exp(x))`.
    case softplus

    package var kernel: kk_function {
        switch self {
        case .none: kk_function_none
        case .gelu: kk_function_gelu
        case .geluTanh: kk_function_gelu_tanh
        case .relu: kk_function_relu
        case .silu: kk_function_silu
        case .tanh: kk_function_tanh
        case .sigmoid: kk_function_sigmoid
        case .softplus: kk_function_softplus
        }
    }

    /// Whether the derivative is computed from the function's result, so that the argument need not be kept.
    package var derivesFromResult: Bool {
        switch self {
        case .none, .relu, .tanh, .sigmoid: true
        case .gelu, .geluTanh, .silu, .softplus: false
        }
    }

    /// The derivative made of tensor operations, to be differentiated again. `argument` or `result` is what is known.
    func slope(argument: Tensor, result: Tensor) -> Tensor {
        switch self {
        case .none: return Tensor.ones(result.shape)
        case .relu: return result.detached.map { $0 > 0 ? 1 : $0 * 0 }
        case .tanh: return 1 - result * result
        case .sigmoid: return result * (1 - result)
        case .softplus: return argument.sigmoid()
        case .silu:
            let s = argument.sigmoid()
            return s * (1 + argument * (1 - s))
        case .geluTanh:
            let c = (2 / Float.pi).squareRoot()
            let t = (argument * (c + 0.044715 * c * (argument * argument))).tanh()
            let inner = c + 3 * 0.044715 * c * (argument * argument)
            return 0.5 * (1 + t) + 0.5 * argument * (1 - t * t) * inner
        case .gelu:
            Tape.requireFirstOrder("gelu")
            return argument
        }
    }
}
