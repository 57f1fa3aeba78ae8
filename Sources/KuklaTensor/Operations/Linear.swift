import CKernels
import KuklaNumerics

extension Tensor {
    /// `activation(x W' + b)` over the last axis, bias and activation computed while the product is in the cache.
    ///
    /// *Shapes:* `x [..., in]`, `weight [out, in]`, `bias [out]`; result `[..., out]`. For the gradient it keeps `x`, the weight, and
    /// of the result or the activation's argument the one that the activation's derivative is computed from.
    /// - Complexity: O(rows * in * out), twice that for the gradient.
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil, activation: Activation = .none) -> Tensor {
        contract(
            weight.rank == 2 && rank > 0 && shape[rank - 1] == weight.shape[1],
            "linear: input \(shape) and weight \(weight.shape): the last axis is the weight's second")
        contract(
            bias == nil || bias?.shape == [weight.shape[0]],
            "linear: bias \(bias?.shape ?? []) for weight \(weight.shape): one number for each output")
        let plan = LinearProduct(
            rows: shape.dropLast().reduce(1, *), inputs: weight.shape[1], outputs: weight.shape[0],
            activation: activation)
        let needsGradient =
            Tape.isRecording && (node != nil || weight.node != nil || bias?.node != nil)
        let keepsArgument = needsGradient && !activation.derivesFromResult
        let (result, argument) = plan.forward(
            self, weight, bias, shape: shape.dropLast() + [plan.outputs], keepsArgument: keepsArgument)
        guard needsGradient else {
            return result.unrecorded("linear", from: self, weight)
        }
        let inputs = [self, weight] + (bias.map { [$0] } ?? [])
        let kept = argument ?? (activation == .none ? nil : result)
        return result.recorded("linear", from: inputs) { gradient, accumulator in
            if Tape.isDifferentiatingBackward {
                plan.differentiablePullback(gradient, self, weight, bias, &accumulator)
            } else {
                plan.pullback(gradient, self, weight, bias, kept: kept, &accumulator)
            }
        }
    }
}

/// The lengths of a linear layer's products, and the products themselves.
private struct LinearProduct: Sendable {
    let rows, inputs, outputs: Int
    let activation: Activation

    func forward(
        _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, shape: [Int], keepsArgument: Bool
    ) -> (result: Tensor, argument: Tensor?) {
        let kernels = trainingKernels
        let argument = keepsArgument ? AlignedStorage<Float>(uninitialized: rows * outputs) : nil
        let result = Tensor(shape: shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            nonisolated(unsafe) let product = argument?.pointer ?? base
            let isSmall = rows * inputs * outputs < GEMM.smallProduct
            // Bias and activation come while the piece is in the cache; a few long rows are cut by columns instead.
            let isWide = outputs > rows && !isSmall
            if isWide { multiply(x.pointer, weight.pointer, into: product, rows: rows) }
            tensorFor(rows, grain: isSmall ? rows : isWide ? 48 : GEMM.pieceLength(rows)) { block in
                let at = block.lowerBound * outputs
                if !isWide {
                    multiply(
                        x.pointer + block.lowerBound * inputs, weight.pointer, into: product + at,
                        rows: block.count, inPieces: false)
                }
                if bias != nil || activation != .none {
                    kernels.function_rows(
                        product + at, bias?.pointer, argument == nil ? nil : product + at, to + at,
                        block.count, outputs, activation.kernel)
                }
            }
        }
        return (result, argument.map { Tensor(shape: shape, storage: $0) })
    }

    private func multiply(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
        rows: Int, inPieces: Bool = true
    ) {
        if inputs == 0 {
            out.update(repeating: 0, count: rows * outputs)
        } else if inPieces {
            GEMM.multiplyInParallel(x, weight, into: out, m: rows, n: outputs, k: inputs, transposeB: true)
        } else {
            GEMM.multiply(x, weight, into: out, m: rows, n: outputs, k: inputs, transposeB: true)
        }
    }

    func pullback(
        _ gradient: Tensor, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, kept: Tensor?,
        _ accumulator: inout GradientAccumulator
    ) {
        var slope = gradient
        if let bias, bias.node != nil {
            let sums: Tensor
            (slope, sums) = slopeAndSums(gradient, kept)
            accumulator.add(sums, to: bias)
        } else if let kept {
            slope = gradient.timesSlope(activation, kept)
        }
        let flat = slope.reshaped([rows, outputs])
        accumulator.add(flat.matmul(weight).reshaped(x.shape), to: x)
        accumulator.add(
            flat.matmul(x.detached.reshaped([rows, inputs]), transposingSelf: true), to: weight)
    }

    // The gradient before the activation and the sum of its rows, in one pass.
    private func slopeAndSums(_ gradient: Tensor, _ kept: Tensor?) -> (Tensor, Tensor) {
        let kernels = trainingKernels
        let slope = kept == nil ? nil : AlignedStorage<Float>(uninitialized: rows * outputs)
        let sums = summingOverRows(rows, columns: outputs, width: outputs) { block, sums in
            let at = block.lowerBound * outputs
            if let kept, let slope {
                kernels.slope_rows(
                    gradient.pointer + at, kept.pointer + at, slope.pointer + at, sums, block.count,
                    outputs, activation.kernel)
            } else {
                kernels.column_sums(gradient.pointer + at, sums, block.count, outputs)
            }
        }
        return (slope.map { Tensor(shape: gradient.shape, storage: $0) } ?? gradient, sums)
    }

    // The same gradients made of tensor operations.
    func differentiablePullback(
        _ gradient: Tensor, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?,
        _ accumulator: inout GradientAccumulator
    ) {
        let flat = x.reshaped([rows, inputs])
        var slope = gradient.reshaped([rows, outputs])
        if activation != .none {
            let argument = flat.linear(weight, bias)
            slope = slope * activation.slope(argument: argument, result: argument.activated(activation))
        }
        accumulator.add(slope.matmul(weight).reshaped(x.shape), to: x)
        accumulator.add(slope.matmul(flat, transposingSelf: true), to: weight)
        if let bias { accumulator.add(slope.sum(axes: [0]), to: bias) }
    }
}
