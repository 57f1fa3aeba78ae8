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

    /// `function` of each element, unrecorded. One call for each element: what is hot has a kernel.
    package func map(_ function: @Sendable (Float) -> Float) -> Tensor {
        Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let from = pointer
                for i in block { to[i] = function(from[i]) }
            }
        }
    }

    /// `function` of each pair of elements after broadcasting, unrecorded. One call for each pair.
    package static func elementwise(
        _ a: Tensor, _ b: Tensor, _ operation: StaticString, _ function: @Sendable (Float, Float) -> Float
    ) -> Tensor {
        let plan = BroadcastPlan(a.shape, b.shape, operation: operation)
        let (stepA, stepB) = plan.steps
        return Tensor(shape: plan.shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            plan.forEachStretch { row, range, start in
                let (x, y, z) = (a.pointer + start.a, b.pointer + start.b, to + row * plan.inner)
                for i in range { z[i] = function(x[i * stepA], y[i * stepB]) }
            }
        }
    }
}
