public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A linear model beside a perceptron; logits are summed.
///
/// The wide part is a linear function of vectors and numbers (as in `DeepFM`): it costs nothing for an id beside its vector.
/// *Source:* Cheng et al. 2016, "Wide & deep learning for recommender systems", arXiv:1606.07792.
public struct WideAndDeep: CTRModel {
    private let wide: Linear
    private let deep: MLP

    init(_ shape: CTRShape, _ options: CTRConfiguration, using random: inout RandomSource) {
        wide = Linear(shape.inputWidth, 1, using: &random)
        deep = MLP(
            [shape.inputWidth] + options.hidden + [1], activation: .relu, dropout: options.dropout,
            using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("wide", wide)
        visitor.visit("deep", deep)
    }

    public func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor {
        let all = input.everything
        return (wide(all) + deep(all, mode: mode)).reshaped([input.count])
    }
}
