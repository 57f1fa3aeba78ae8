public import KuklaNumerics
public import KuklaTensor

/// The layer of a transformer block that looks at each token alone: `down(activation(up(x)))`, or with a gate
/// `down(activation(gate(x)) * up(x))` (SwiGLU with SiLU).
///
/// *Shapes:* `[tokens, width]` in and out.
/// *Source:* Shazeer 2020, "GLU variants improve transformer", arXiv:2002.05202.
public struct FeedForward: Module {
    /// Names of the parts: paths, in which dots are allowed.
    public struct Names: Sendable, Hashable {
        public var up: String
        public var down: String
        public var gate: String

        public init(up: String, down: String, gate: String = "gate") {
            self.up = up
            self.down = down
            self.gate = gate
        }
    }

    public let up: Linear
    public let down: Linear
    public let gate: Linear?
    public let activation: Activation
    public let names: Names

    public init(
        width: Int, innerWidth: Int, activation: Activation = .gelu, isGated: Bool = false, bias: Bool = true,
        names: Names = Names(up: "up", down: "down"), using random: inout RandomSource
    ) {
        up = Linear(width, innerWidth, bias: bias, using: &random)
        down = Linear(innerWidth, width, bias: bias, using: &random)
        gate = isGated ? Linear(width, innerWidth, bias: bias, using: &random) : nil
        self.activation = activation
        self.names = names
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit(names.gate, gate)
        visitor.visit(names.up, up)
        visitor.visit(names.down, down)
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        guard let gate else { return down(up(x, activation: activation, mode: mode), mode: mode) }
        return down(gate(x, activation: activation, mode: mode) * up(x, mode: mode), mode: mode)
    }
}
