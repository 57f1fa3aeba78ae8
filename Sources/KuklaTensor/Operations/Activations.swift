import CKernels
import KuklaNumerics

// Functions of one number, each element by itself; absolute error within 1e-6 of the exact function.

extension Tensor {
    /// `max(x, 0)`.
    public func relu() -> Tensor { activated(.relu, "relu") }

    public func tanh() -> Tensor { activated(.tanh, "tanh") }

    /// `1 / (1 + exp(-x))`.
    public func sigmoid() -> Tensor { activated(.sigmoid, "sigmoid") }

    /// `log(1 + exp(x))`.
    public func softplus() -> Tensor { activated(.softplus, "softplus") }

    /// `x sigmoid(x)`, also called swish.
    public func silu() -> Tensor { activated(.silu, "silu") }

    /// `x/2 (1 + erf(x / sqrt 2))`.
    ///
    /// *Source:* Hendrycks and Gimpel 2016, "Gaussian error linear units", arXiv:1606.08415.
    public func gelu() -> Tensor { activated(.gelu, "gelu") }

    /// `x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, GPT-2's "gelu_new".
    public func geluTanh() -> Tensor { activated(.geluTanh, "geluTanh") }

    /// The function that a layer's configuration names.
    public func activated(_ activation: Activation) -> Tensor {
        switch activation {
        case .none: self
        case .gelu: gelu()
        case .geluTanh: geluTanh()
        case .relu: relu()
        case .silu: silu()
        case .tanh: tanh()
        case .sigmoid: sigmoid()
        case .softplus: softplus()
        }
    }

    private func activated(_ activation: Activation, _ name: StaticString) -> Tensor {
        let result = applying(activation)
        let kept = activation.derivesFromResult ? result : detached
        return result.recorded(
            name,
            (
                self,
                { gradient in
                    guard Tape.isDifferentiatingBackward else { return gradient.timesSlope(activation, kept) }
                    // The result once more, as a function of the argument that can be differentiated.
                    let result = activation.derivesFromResult ? activated(activation) : kept
                    return gradient * activation.slope(argument: self, result: result)
                }
            ))
    }

    /// The function of every element, unrecorded.
    func applying(_ activation: Activation) -> Tensor {
        let kernels = trainingKernels
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let at = block.lowerBound
                kernels.function_rows(pointer + at, nil, nil, to + at, 1, block.count, activation.kernel)
            }
        }
    }

    /// This gradient times the derivative at `kept`, the function's argument or result; unrecorded.
    func timesSlope(_ activation: Activation, _ kept: Tensor) -> Tensor {
        let kernels = trainingKernels
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let at = block.lowerBound
                kernels.slope_rows(
                    pointer + at, kept.pointer + at, to + at, nil, 1, block.count, activation.kernel)
            }
        }
    }
}
