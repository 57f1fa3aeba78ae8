public import KuklaNumerics
public import KuklaTensor
import Synchronization

/// A low-rank change of a linear layer's weight: `y = x W' + b + alpha / rank * dropout(x) A' B'`.
///
/// *Shapes:* `A [rank, inputs]`, `B [outputs, rank]`. A starts uniform within `1 / sqrt(inputs)`, B from zero, so that the layer
/// starts unchanged. Parameters are `lora_A.weight` and `lora_B.weight` under the layer's path, as PEFT has them.
/// *Source:* Hu et al. 2021, "LoRA: low-rank adaptation of large language models", arXiv:2106.09685.
public final class LoRA: LinearAdapter {
    public let down: Parameter
    public let up: Parameter
    /// What the change is multiplied by: alpha / rank.
    public let scale: Float
    /// The share of the inputs that the adapter does not see in training.
    public let dropout: Dropout
    private let merged = Mutex(false)

    /// Around `linear`.
    ///
    /// - Precondition: `rank > 0`, `dropout` in 0..<1.
    public init(
        around linear: Linear, rank: Int, alpha: Float, dropout: Float = 0, using random: inout RandomSource
    ) {
        contract(rank > 0, "LoRA: rank \(rank)")
        let bound = 1 / Float(max(linear.inputDimensions, 1)).squareRoot()
        down = Parameter(Tensor.uniform([rank, linear.inputDimensions], in: -bound...bound, using: &random))
        up = Parameter(Tensor.zeros([linear.outputDimensions, rank]))
        scale = alpha / Float(rank)
        self.dropout = Dropout(dropout)
    }

    public var rank: Int { down.shape[0] }
    /// Whether the change is part of the layer's weight now.
    public var isMerged: Bool { merged.withLock { $0 } }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("lora_A.weight", down)
        visitor.visit("lora_B.weight", up)
    }

    public func adapt(_ output: Tensor, of x: Tensor, mode: ForwardMode) -> Tensor {
        if isMerged { return output }
        let rows = dropout(x.reshaped([-1, down.shape[1]]), mode: mode)
        let change = rows.matmul(down.tensor, transposingOther: true).matmul(
            up.tensor, transposingOther: true)
        return output + (change * scale).reshaped(output.shape)
    }

    /// The change of the weight, `alpha / rank * B A`, `[outputs, inputs]`.
    public var weightChange: Tensor { up.tensor.matmul(down.tensor) * scale }

    /// Adds the change to the weight of `linear`, for use without extra cost; does nothing where it is merged already.
    func merge(into linear: Linear) { setMerged(true, linear) }

    /// Takes the change out again, up to rounding.
    func unmerge(from linear: Linear) { setMerged(false, linear) }

    private func setMerged(_ isWanted: Bool, _ linear: Linear) {
        merged.withLock { isMerged in
            guard isMerged != isWanted else { return }
            let change = up.value.matmul(down.value) * scale
            linear.weight.value = isWanted ? linear.weight.value + change : linear.weight.value - change
            isMerged = isWanted
        }
    }
}
