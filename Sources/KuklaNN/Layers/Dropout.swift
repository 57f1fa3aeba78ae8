import KuklaNumerics
public import KuklaTensor

/// Zeros at random in training, the rest scaled up so that the mean stays; the identity in use.
///
/// *Source:* Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
public struct Dropout: Module {
    /// The share of elements that become zero, in 0..<1.
    public let rate: Float

    public init(_ rate: Float) {
        contract(rate >= 0 && rate < 1, "Dropout: rate \(rate), expected 0 up to, but not including, 1")
        self.rate = rate
    }

    public func visit(_ visitor: inout ModuleVisitor) {}

    public func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        guard rate > 0, case .training(let stream) = mode else { return x }
        return stream.draw { x.dropout(rate, using: &$0) }
    }
}
