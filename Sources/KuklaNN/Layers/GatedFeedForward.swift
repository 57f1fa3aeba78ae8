public import KuklaNumerics
public import KuklaTensor

/// A feed-forward layer with a gate: `down(silu(gate(x)) * up(x))`, or another activation than SiLU.
///
/// *Shapes:* `x [..., dimensions]`, the result the same; `gate` and `up` `[hidden, dimensions]`, `down [dimensions, hidden]`.
/// Parameters are `gate_proj.weight`, `up_proj.weight`, `down_proj.weight`, as in LLaMA.
/// *Source:* Shazeer 2020, "GLU variants improve transformer", arXiv:2002.05202.
public struct GatedFeedForward: Module {
    public let gate: Linear
    public let up: Linear
    public let down: Linear
    public let activation: Activation

    public init(gate: Linear, up: Linear, down: Linear, activation: Activation = .silu) {
        contract(
            gate.weight.shape == up.weight.shape && down.inputDimensions == up.outputDimensions,
            "GatedFeedForward: gate \(gate.weight.shape), up \(up.weight.shape), down \(down.weight.shape)")
        self.gate = gate
        self.up = up
        self.down = down
        self.activation = activation
    }

    public init(
        _ dimensions: Int, hidden: Int, bias: Bool = false, activation: Activation = .silu,
        using random: inout RandomSource
    ) {
        self.init(
            gate: Linear(dimensions, hidden, bias: bias, using: &random),
            up: Linear(dimensions, hidden, bias: bias, using: &random),
            down: Linear(hidden, dimensions, bias: bias, using: &random), activation: activation)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("gate_proj", gate)
        visitor.visit("up_proj", up)
        visitor.visit("down_proj", down)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        down(gate(x, activation: activation, mode: mode) * up(x, mode: mode), mode: mode)
    }
}
