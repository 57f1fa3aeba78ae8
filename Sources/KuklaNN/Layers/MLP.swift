public import KuklaNumerics
public import KuklaTensor

/// Linear layers with an activation, and dropout if asked for, between them.
///
/// *Shapes:* `x [..., widths.first]`, the result `[..., widths.last]`. Parameters are `layers.0.weight`, `layers.0.bias`, ...
public struct MLP: Module {
    public let layers: [Linear]
    public let activation: Activation
    public let dropout: Dropout

    /// - Precondition: at least one layer, each as wide at its input as the one before at its output.
    public init(_ layers: [Linear], activation: Activation = .gelu, dropout: Float = 0) {
        contract(!layers.isEmpty, "MLP: no layer")
        for (a, b) in zip(layers, layers.dropFirst()) {
            contract(
                a.outputDimensions == b.inputDimensions,
                "MLP: a layer of weight \(b.weight.shape) after one of weight \(a.weight.shape)")
        }
        self.layers = layers
        self.activation = activation
        self.dropout = Dropout(dropout)
    }

    /// Layers from each of `widths` to the next: `[384, 384, 128]` has two.
    public init(
        _ widths: [Int], activation: Activation = .gelu, dropout: Float = 0, using random: inout RandomSource
    ) {
        contract(widths.count > 1, "MLP: widths \(widths), expected two or more")
        let layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, using: &random) }
        self.init(layers, activation: activation, dropout: dropout)
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("layers", layers) }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        var x = x
        for (i, layer) in layers.enumerated() {
            let isLast = i == layers.count - 1
            x = layer(x, activation: isLast ? .none : activation, mode: mode)
            if !isLast { x = dropout(x, mode: mode) }
        }
        return x
    }
}
