import KuklaNumerics

/// `body(inputs)` that keeps nothing for the gradient but its inputs, and runs again when the gradient is asked for.
///
/// Trades one more forward pass for the memory of everything between. Parameters that `body` uses get their gradients too.
/// `body` must give the same result each time: whoever draws random numbers in it restores their source (`KuklaNN`'s
/// `checkpoint(_:mode:)` does that for dropout).
/// *Source:* Chen, Xu, Zhang and Guestrin 2016, "Training deep nets with sublinear memory cost", arXiv:1604.06174.
public func checkpoint(
    _ inputs: Tensor..., body: @escaping @Sendable ([Tensor]) -> Tensor
) -> Tensor {
    checkpoint(inputs, body: body)
}

/// `checkpoint` of inputs whose number is not known beforehand.
public func checkpoint(
    _ inputs: [Tensor], body: @escaping @Sendable ([Tensor]) -> Tensor
) -> Tensor {
    let result = withoutGradient { body(inputs.map(\.detached)) }
    return result.detached.recorded("checkpoint", from: inputs, always: true) { gradient, accumulator in
        Tape.requireFirstOrder("checkpoint")
        let watched = inputs.map { $0.node == nil ? $0 : $0.detached.watched() }
        let again = Tape.$isRecording.withValue(true) { body(watched) }
        guard let node = again.node else { return }
        Tape.walk(from: [(node, gradient)], keepingGraph: false, recording: false) { leaf, gradient in
            if let i = watched.firstIndex(where: { $0.node === leaf }), let input = inputs[i].node {
                accumulator.add(gradient, to: input)
            } else {
                accumulator.add(gradient, to: leaf)
            }
        }
    }
}
