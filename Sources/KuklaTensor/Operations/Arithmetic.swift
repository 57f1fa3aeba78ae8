import CKernels
import KuklaNumerics

// Sum, difference, product and quotient, with broadcasting, and the same with a number.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        combined(a, b, kk_arithmetic_add, "add")
            .recorded("add", (a, { $0.summed(toShape: a.shape) }), (b, { $0.summed(toShape: b.shape) }))
    }

    public static func - (a: Tensor, b: Tensor) -> Tensor {
        combined(a, b, kk_arithmetic_subtract, "subtract")
            .recorded(
                "subtract", (a, { $0.summed(toShape: a.shape) }), (b, { -$0.summed(toShape: b.shape) }))
    }

    public static func * (a: Tensor, b: Tensor) -> Tensor {
        combined(a, b, kk_arithmetic_multiply, "multiply")
            .recorded(
                "multiply", (a, { ($0 * b).summed(toShape: a.shape) }),
                (b, { ($0 * a).summed(toShape: b.shape) }))
    }

    public static func / (a: Tensor, b: Tensor) -> Tensor {
        combined(a, b, kk_arithmetic_divide, "divide")
            .recorded(
                "divide", (a, { ($0 / b).summed(toShape: a.shape) }),
                (b, { (-$0 * a / (b * b)).summed(toShape: b.shape) }))
    }

    public static func + (a: Tensor, b: Float) -> Tensor {
        a.combined(b, kk_arithmetic_add).recorded("addNumber", (a, { $0 }))
    }

    public static func * (a: Tensor, b: Float) -> Tensor {
        a.combined(b, kk_arithmetic_multiply).recorded("multiplyNumber", (a, { $0 * b }))
    }

    public static func - (a: Tensor, b: Float) -> Tensor { a + -b }
    public static func / (a: Tensor, b: Float) -> Tensor { a * (1 / b) }
    public static func + (a: Float, b: Tensor) -> Tensor { b + a }
    public static func - (a: Float, b: Tensor) -> Tensor { -b + a }
    public static func * (a: Float, b: Tensor) -> Tensor { b * a }
    public static func / (a: Float, b: Tensor) -> Tensor { Tensor(a) / b }
    public static prefix func - (a: Tensor) -> Tensor { a * -1 }

    // The result of `operation` after broadcasting, unrecorded.
    private static func combined(
        _ a: Tensor, _ b: Tensor, _ operation: kk_arithmetic, _ name: StaticString
    ) -> Tensor {
        let plan = BroadcastPlan(a.shape, b.shape, operation: name)
        let kernels = trainingKernels
        let (repeatsA, repeatsB) = (plan.steps.a == 0, plan.steps.b == 0)
        return Tensor(shape: plan.shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            plan.forEachStretch { row, range, start in
                let at = range.lowerBound
                kernels.arithmetic(
                    a.pointer + start.a + (repeatsA ? 0 : at), repeatsA,
                    b.pointer + start.b + (repeatsB ? 0 : at),
                    repeatsB, to + row * plan.inner + at, range.count, operation)
            }
        }
    }

    // The result of `operation` with one number, unrecorded.
    private func combined(_ number: Float, _ operation: kk_arithmetic) -> Tensor {
        let kernels = trainingKernels
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                var number = number
                kernels.arithmetic(
                    pointer + block.lowerBound, false, &number, true, to + block.lowerBound, block.count,
                    operation)
            }
        }
    }

    /// `function` of each element, unrecorded. Inlined, so that the loop over a simple function is vectorised: it must
    /// not capture anything (see `mappingBlocks`).
    @inline(__always)
    package func map(_ function: @escaping @Sendable (Float) -> Float) -> Tensor {
        mappingBlocks { from, to, count in
            for i in 0..<count { to[i] = function(from[i]) }
        }
    }

    typealias Stretch = @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void

    /// Elements that `body` computes block by block, unrecorded: for functions that hold numbers of their own.
    func mappingBlocks(_ body: Stretch) -> Tensor {
        Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                body(pointer + block.lowerBound, to + block.lowerBound, block.count)
            }
        }
    }

    /// `function` of each pair of elements after broadcasting, unrecorded; inlined as `map` is.
    @inline(__always)
    package static func elementwise(
        _ a: Tensor, _ b: Tensor, _ operation: StaticString,
        _ function: @escaping @Sendable (Float, Float) -> Float
    ) -> Tensor {
        combiningStretches(a, b, operation) { x, stepX, y, stepY, to, count in
            // One loop for each pair of steps: a loop with steps of variable length is not vectorised.
            switch (stepX, stepY) {
            case (0, 0): to.update(repeating: function(x[0], y[0]), count: count)
            case (0, _): for i in 0..<count { to[i] = function(x[0], y[i]) }
            case (_, 0): for i in 0..<count { to[i] = function(x[i], y[0]) }
            default: for i in 0..<count { to[i] = function(x[i], y[i]) }
            }
        }
    }

    private typealias PairStretch =
        @Sendable (
            UnsafePointer<Float>, Int, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int
        ) -> Void

    // Pairs that `body` computes stretch by stretch.
    private static func combiningStretches(
        _ a: Tensor, _ b: Tensor, _ operation: StaticString, _ body: PairStretch
    ) -> Tensor {
        let plan = BroadcastPlan(a.shape, b.shape, operation: operation)
        let (stepA, stepB) = plan.steps
        return Tensor(shape: plan.shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            plan.forEachStretch { row, range, start in
                let at = range.lowerBound
                body(
                    a.pointer + start.a + at * stepA, stepA, b.pointer + start.b + at * stepB, stepB,
                    to + row * plan.inner + at, range.count)
            }
        }
    }
}
