import KuklaCodecs
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A `BinaryMap` that can be trained: a linear layer, optionally with a branch Linear, BatchNorm, ReLU, Linear beside it.
///
/// The branch's last layer begins at zero, so that the linear layer's initialization is the whole map's.
struct BinaryLayer: Module {
    let linear: Linear
    let branch: Branch?

    struct Branch: Module {
        let hidden: Linear
        let norm: BatchNorm
        let output: Linear

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("hidden", hidden)
            visitor.visit("norm", norm)
            visitor.visit("output", output)
        }

        func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
            output(norm(hidden(x), mode: mode).activated(.relu))
        }
    }

    /// - Parameter width: of the branch; 0 for none.
    /// - Precondition: `map` has no branch.
    init(_ map: BinaryMap, width: Int, using random: inout RandomSource) {
        contract(map.branch == nil, "BinaryLayer: a map with a branch")
        let (outputs, inputs) = (map.weight.rows, map.weight.columns)
        linear = Linear(weight: Tensor(map.weight), bias: Tensor(map.bias))
        branch =
            width == 0
            ? nil
            : Branch(
                hidden: Linear(inputs, width, using: &random), norm: BatchNorm(width),
                output: Linear(weight: .zeros([outputs, width])))
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("", linear)
        visitor.visit("", branch)
    }

    func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        let straight = linear(x)
        return branch.map { straight + $0(x, mode: mode) } ?? straight
    }

    /// The map as it is in use: the batch norm becomes part of the hidden layer.
    var map: BinaryMap {
        let bias = linear.bias?.value.elements ?? []
        guard let branch else { return BinaryMap(weight: linear.weight.value.matrix, bias: bias) }
        let norm = branch.norm
        let scale = norm.weight.value / (norm.runningVariance.value + norm.epsilon).sqrt()
        let hidden = branch.hidden.weight.value * scale.reshaped([scale.count, 1])
        var shift = Tensor(0) - norm.runningMean.value
        if let bias = branch.hidden.bias { shift = shift + bias.value }
        return BinaryMap(
            weight: linear.weight.value.matrix, bias: bias,
            branch: BinaryMap.Branch(
                hidden: hidden.matrix, bias: (shift * scale + norm.bias.value).elements,
                output: branch.output.weight.value.matrix))
    }
}
