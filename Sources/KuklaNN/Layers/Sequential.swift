public import KuklaTensor

/// A layer from one tensor to one tensor: what can stand in a row with others.
public protocol Layer: Module {
    func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor
}

/// Layers one after the other. Parameters are `0.weight`, `0.bias`, `1.weight`, ...: each layer under its number.
public struct Sequential: Layer {
    public let layers: [any Layer]

    public init(_ layers: any Layer...) { self.layers = layers }
    public init(_ layers: [any Layer]) { self.layers = layers }

    public func visit(_ visitor: inout ModuleVisitor) {
        for (i, layer) in layers.enumerated() { visitor.visit("\(i)", layer) }
    }

    public func callAsFunction(_ x: Tensor, mode: ForwardMode = .inference) -> Tensor {
        layers.reduce(x) { $1($0, mode: mode) }
    }
}

/// A function without parameters as a layer of `Sequential`: a reshape, an activation.
public struct Function: Layer {
    private let function: @Sendable (Tensor) -> Tensor

    public init(_ function: @escaping @Sendable (Tensor) -> Tensor) { self.function = function }

    public func visit(_ visitor: inout ModuleVisitor) {}
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { function(x) }
}

extension Linear: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        self(x, activation: .none, mode: mode)
    }
}

// MARK: - The layers that do the same in training and in use

extension LayerNorm: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { self(x) }
}

extension RMSNorm: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { self(x) }
}

extension GroupNorm: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { self(x) }
}

extension Convolution: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { self(x) }
}

extension TransposedConvolution: Layer {
    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor { self(x) }
}

// MARK: - The layers that differ

extension Dropout: Layer {}
extension MLP: Layer {}
extension BatchNorm: Layer {}
extension ResidualBlock: Layer {}
extension ConvNeXtBlock: Layer {}
