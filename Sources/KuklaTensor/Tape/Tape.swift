import Foundation
import KuklaNumerics

/// What is recorded, and how operations enter it.
package enum Tape {
    /// Whether operations are recorded for differentiation.
    @TaskLocal package static var isRecording = true
    /// Whether a backward pass is itself being recorded.
    @TaskLocal package static var isDifferentiatingBackward = false
}

/// Runs `body` without recording: results carry no gradient and nothing is kept for one.
public func withoutGradient<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    // `withValue` rethrows any error: keep its type.
    let outcome: Swift.Result<Result, Failure> = Tape.$isRecording.withValue(false) {
        do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
    }
    return try outcome.get()
}

extension Tensor {
    /// Enters this result of `operation` into the tape, with the gradient of each input beside it.
    ///
    /// A gradient is computed only where its input needs one. Written with tensor operations, it can itself be
    /// differentiated; where it runs a kernel instead, it calls `Tape.requireFirstOrder`.
    package func recorded(
        _ operation: StaticString, _ inputs: (Tensor, @Sendable (Tensor) -> Tensor)...
    ) -> Tensor {
        recorded(operation, from: inputs.map(\.0)) { gradient, accumulator in
            for (input, pullback) in inputs { accumulator.add(pullback(gradient), to: input) }
        }
    }

    /// Enters this result of `operation` with one pullback for all inputs: where gradients share work, are sparse, or go to
    /// tensors that are not inputs (`always` records the operation even where no input needs a gradient).
    package func recorded(
        _ operation: StaticString, from inputs: [Tensor], always: Bool = false, pullback: @escaping Pullback
    ) -> Tensor {
        FiniteCheck.check(self, operation: operation, inputs: inputs)
        guard Tape.isRecording else { return self }
        let nodes = inputs.compactMap(\.node)
        guard always || !nodes.isEmpty else { return self }
        return Tensor(
            shape: shape, storage: storage, offset: offset,
            node: GradientNode(operation, shape: shape, inputs: nodes, pullback: pullback))
    }

    /// Enters a result through which no gradient flows, for the sake of the NaN hunt.
    package func unrecorded(_ operation: StaticString, from inputs: Tensor...) -> Tensor {
        FiniteCheck.check(self, operation: operation, inputs: inputs)
        return self
    }
}

extension Tape {
    /// Traps where a backward pass is being recorded: the gradient of `operation` is a kernel that has none of its own.
    package static func requireFirstOrder(_ operation: StaticString) {
        contract(
            !isDifferentiatingBackward,
            "gradients of gradients: \(operation) has no second derivative here; ARCHITECTURE.md lists the operations that do"
        )
    }
}

/// The NaN hunt: with `KUKLA_CHECK_FINITE=1`, the first operation whose result is not a number stops the program.
package enum FiniteCheck {
    @TaskLocal package static var isEnabled =
        ProcessInfo.processInfo.environment["KUKLA_CHECK_FINITE"] == "1"

    static func check(_ result: Tensor, operation: StaticString, inputs: [Tensor]) {
        guard isEnabled, let at = firstNaN(result) else { return }
        let shapes = inputs.map { "\($0.shape)" }.joined(separator: ", ")
        let guilty = inputs.firstIndex { firstNaN($0) != nil }
        let origin =
            guilty.map { "its input \($0) held NaN already: look at what made that" }
            ?? "its inputs held none"
        fatalError(
            "KUKLA_CHECK_FINITE: \(operation) of shapes \(shapes) made a NaN at element \(at) of \(result.shape); \(origin)"
        )
    }

    static func check(_ gradient: Gradient, madeBy operation: StaticString) {
        guard isEnabled, let at = firstNaN(gradient.values) else { return }
        fatalError(
            "KUKLA_CHECK_FINITE: the gradient of \(operation) made a NaN at element \(at) of \(gradient.values.shape)"
        )
    }

    private static func firstNaN(_ tensor: Tensor) -> Int? {
        tensor.withUnsafeBufferPointer { $0.firstIndex { $0.isNaN } }
    }
}
