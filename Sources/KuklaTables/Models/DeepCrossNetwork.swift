public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// Cross layers, `x_{l+1} = x_0 * (W x_l + b) + x_l`, then a perceptron ("stacked").
///
/// *Source:* Wang et al. 2021, "DCN V2: improved deep & cross network", arXiv:2008.13535, equation 1.
public struct DeepCrossNetwork: CTRModel {
    private let crosses: [Linear]
    private let deep: MLP

    init(_ shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) {
        crosses = (0..<options.crossLayers).map { _ in
            Linear(shape.inputWidth, shape.inputWidth, using: &random)
        }
        deep = MLP(
            [shape.inputWidth] + options.hidden + [1], activation: .relu, dropout: options.dropout,
            using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("cross", crosses)
        visitor.visit("deep", deep)
    }

    public func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor {
        let start = input.everything
        var x = start
        for cross in crosses { x = x.crossed(with: start, cross(x)) }
        return deep(x, mode: mode).reshaped([input.count])
    }
}

extension Tensor {
    /// `self + a * b`, all of one shape, in one pass.
    package func crossed(with a: Tensor, _ b: Tensor) -> Tensor {
        contract(shape == a.shape && a.shape == b.shape, "crossed: \(shape), \(a.shape) and \(b.shape)")
        let x = self
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let (x, a, b) = (x.pointer, a.pointer, b.pointer)
                for i in block { to[i] = x[i] + a[i] * b[i] }
            }
        }.recorded("crossed", (x, { $0 }), (a, { $0 * b }), (b, { $0 * a }))
    }
}
