import KuklaNumerics

extension Tensor {
    /// This value as if `gradientOf`'s had been computed: the forward value is this one, the gradient goes to `other`
    /// unchanged (the straight-through estimator of Bengio, Léonard and Courville 2013).
    ///
    /// `rounded.straightThrough(to: x)` quantises on the way forward and is the identity on the way back.
    public func straightThrough(to other: Tensor) -> Tensor {
        contract(shape == other.shape, "straightThrough: shapes \(shape) and \(other.shape) differ")
        return detached.recorded("straightThrough", (other, { $0 }))
    }
}

/// `value(inputs)` with a gradient of the caller's own making.
///
/// `forward` runs without recording and returns the result together with what the gradient needs. `backward` gets that, and
/// the gradient of the result, and returns one gradient for each input (nil: none).
public func customGradient<Kept: Sendable>(
    _ name: StaticString = "customGradient", of inputs: Tensor...,
    forward: ([Tensor]) -> (result: Tensor, kept: Kept),
    backward: @escaping @Sendable (_ gradient: Tensor, _ kept: Kept) -> [Tensor?]
) -> Tensor {
    let (result, kept) = withoutGradient { forward(inputs.map(\.detached)) }
    return result.detached.recorded(name, from: inputs) { gradient, accumulator in
        let gradients = backward(gradient, kept)
        contract(
            gradients.count == inputs.count,
            "\(name): \(gradients.count) gradients for \(inputs.count) inputs")
        for (input, gradient) in zip(inputs, gradients) {
            if let gradient { accumulator.add(gradient, to: input) }
        }
    }
}
