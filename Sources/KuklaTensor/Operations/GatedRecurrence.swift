import CKernels
import KuklaNumerics

extension Tensor {
    /// The states of gated recurrent units over many sequences, for the gates' inputs of every token.
    ///
    /// `r = sigmoid(x_r + W_r h + b_r)`, `z = sigmoid(x_z + W_z h + b_z)`, `n = tanh(x_n + r (W_n h + b_n))`, and the next state is
    /// `(1 - z) n + z h`.
    ///
    /// *Shapes:* `self [tokens, 3 width]` holds x_r, x_z, x_n of each token, first tokens first: the `counts[t]` rows of step t are
    /// those of the sequences `0 ..< counts[t]`, so counts never rise. `weight [3 width, width]`, `bias [3 width]`, `initial
    /// [counts[0], width]` (zeros without); result `[tokens, width]` in the order of the tokens.
    /// - Complexity: O(tokens * width^2). First order gradients only.
    /// *Source:* Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078.
    /// *Differs from the paper in:* r multiplies `W_n h + b_n`, not h, as in PyTorch and cuDNN.
    public func gatedRecurrence(
        _ weight: Tensor, _ bias: Tensor? = nil, initial: Tensor? = nil, counts: [Int]
    ) -> Tensor {
        let initial = initial ?? .zeros([counts.first ?? 0, weight.shape.last ?? 0])
        let recurrence = GatedRecurrence(shape, weight.shape, bias?.shape, initial.shape, counts: counts)
        let (states, kept) = recurrence.run(self, weight, bias, initial)
        let inputs = [self, weight, initial] + (bias.map { [$0] } ?? [])
        return states.recorded("gatedRecurrence", from: inputs) { gradient, accumulator in
            Tape.requireFirstOrder("gatedRecurrence")
            let past = recurrence.past(states, initial)
            let (gates, slopes, carried) = recurrence.slopes(gradient, kept, past, weight)
            accumulator.add(gates, to: self)
            accumulator.add(slopes.matmul(past, transposingSelf: true), to: weight)
            if let bias { accumulator.add(slopes.sum(axes: [0]), to: bias) }
            accumulator.add(carried, to: initial)
        }
    }
}

/// Sequences are independent, so each thread takes some of them through all steps.
private struct GatedRecurrence: Sendable {
    private let tokens, width: Int
    private let counts: [Int]
    // Where the rows of each step begin.
    private let starts: [Int]

    init(_ x: [Int], _ weight: [Int], _ bias: [Int]?, _ initial: [Int], counts: [Int]) {
        tokens = counts.reduce(0, +)
        width = weight.last ?? 0
        self.counts = counts
        starts = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        contract(
            weight == [3 * width, width] && x == [tokens, 3 * width] && (bias ?? [3 * width]) == [3 * width]
                && initial == [counts.first ?? 0, width],
            "gatedRecurrence: gates of shape \(x), weight \(weight), bias \(bias ?? []), initial states \(initial) for \(tokens) tokens of \(counts.first ?? 0) sequences"
        )
        contract(
            zip(counts, counts.dropFirst()).allSatisfy { $0 >= $1 } && (counts.last ?? 0) >= 0,
            "gatedRecurrence: counts of sequences rise from one step to the next: sort by length, longest first"
        )
    }

    private var kernels: kk_recurrence_kernels {
        kk_recurrence_kernels_for(CPULevel.current.kernelLevel).pointee
    }

    // Few enough sequences that there is a block for each thread, enough for a product.
    private func forBlocks(_ body: @Sendable (Range<Int>) -> Void) {
        let sequences = counts.first ?? 0
        tensorFor(sequences, grain: max(16, (sequences + 7) / 8), body)
    }

    /// The rows of step `step` that belong to `sequences`, first in their order.
    private func rows(_ step: Int, _ sequences: Range<Int>) -> Range<Int> {
        let first = starts[step] + sequences.lowerBound
        return first..<max(first, starts[step] + min(sequences.upperBound, counts[step]))
    }

    /// The states, and what the gradient needs of each token: `[tokens, 4 width]`.
    func run(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ initial: Tensor) -> (Tensor, Tensor) {
        let kept = AlignedStorage<Float>(uninitialized: tokens * 4 * width)
        let kernels = kernels
        let states = Tensor(shape: [tokens, width]) { out in
            guard let base = out.baseAddress, !out.isEmpty else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            forBlocks { sequences in
                let gates = AlignedStorage<Float>(uninitialized: sequences.count * 3 * width)
                for step in counts.indices {
                    let rows = rows(step, sequences)
                    if rows.isEmpty { break }
                    let past =
                        sequences.lowerBound * width
                        + (step == 0 ? initial.pointer : UnsafePointer(to + starts[step - 1] * width))
                    if let bias {
                        for row in 0..<rows.count {
                            (gates.pointer + row * 3 * width).update(from: bias.pointer, count: 3 * width)
                        }
                    }
                    GEMM.multiply(
                        past, weight.pointer, into: gates.pointer, m: rows.count, n: 3 * width, k: width,
                        transposeB: true, beta: bias == nil ? 0 : 1)
                    kernels.gated_rows(
                        x.pointer + rows.lowerBound * 3 * width, gates.pointer, past,
                        to + rows.lowerBound * width, kept.pointer + rows.lowerBound * 4 * width, rows.count,
                        width)
                }
                withExtendedLifetime(gates) {}
            }
        }
        return (states, Tensor(shape: [tokens, 4 * width], storage: kept))
    }

    /// The state before each token.
    func past(_ states: Tensor, _ initial: Tensor) -> Tensor {
        Tensor(shape: [tokens, width]) { out in
            guard let to = out.baseAddress, let first = counts.first else { return }
            to.update(from: initial.pointer, count: first * width)
            for step in 1..<max(1, counts.count) {
                (to + starts[step] * width).update(
                    from: states.pointer + starts[step - 1] * width, count: counts[step] * width)
            }
        }
    }

    /// The gradients of the gates' inputs, of what the states add to them, and of the initial states.
    func slopes(
        _ gradient: Tensor, _ kept: Tensor, _ past: Tensor, _ weight: Tensor
    ) -> (Tensor, Tensor, Tensor) {
        let kernels = kernels
        let inputs = AlignedStorage<Float>(uninitialized: tokens * 3 * width)
        let states = AlignedStorage<Float>(uninitialized: tokens * 3 * width)
        // What flows from each sequence's state to the one before.
        let carried = AlignedStorage<Float>(zeros: (counts.first ?? 0) * width)
        forBlocks { sequences in
            let carry = carried.pointer + sequences.lowerBound * width
            let slope = AlignedStorage<Float>(uninitialized: sequences.count * width)
            for step in counts.indices.reversed() {
                let rows = rows(step, sequences)
                if rows.isEmpty { continue }
                let from = gradient.pointer + rows.lowerBound * width
                for i in 0..<rows.count * width { slope.pointer[i] = from[i] + carry[i] }
                let gates = states.pointer + rows.lowerBound * 3 * width
                kernels.gated_slope_rows(
                    slope.pointer, kept.pointer + rows.lowerBound * 4 * width,
                    past.pointer + rows.lowerBound * width, inputs.pointer + rows.lowerBound * 3 * width,
                    gates, carry, rows.count, width)
                GEMM.multiply(
                    gates, weight.pointer, into: carry, m: rows.count, n: width, k: 3 * width, beta: 1)
            }
            withExtendedLifetime(slope) {}
        }
        return (
            Tensor(shape: [tokens, 3 * width], storage: inputs),
            Tensor(shape: [tokens, 3 * width], storage: states),
            Tensor(shape: [counts.first ?? 0, width], storage: carried)
        )
    }
}
