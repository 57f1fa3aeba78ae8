import KuklaNumerics

// Sum, difference, product and quotient, with broadcasting, and the same with a number.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        elementwise(a, b, "add") { $0 + $1 }
            .recorded("add", (a, { $0.summed(toShape: a.shape) }), (b, { $0.summed(toShape: b.shape) }))
    }

    public static func - (a: Tensor, b: Tensor) -> Tensor {
        elementwise(a, b, "subtract") { $0 - $1 }
            .recorded(
                "subtract", (a, { $0.summed(toShape: a.shape) }), (b, { -$0.summed(toShape: b.shape) }))
    }

    public static func * (a: Tensor, b: Tensor) -> Tensor {
        elementwise(a, b, "multiply") { $0 * $1 }
            .recorded(
                "multiply", (a, { ($0 * b).summed(toShape: a.shape) }),
                (b, { ($0 * a).summed(toShape: b.shape) }))
    }

    public static func / (a: Tensor, b: Tensor) -> Tensor {
        elementwise(a, b, "divide") { $0 / $1 }
            .recorded(
                "divide", (a, { ($0 / b).summed(toShape: a.shape) }),
                (b, { (-$0 * a / (b * b)).summed(toShape: b.shape) }))
    }

    public static func + (a: Tensor, b: Float) -> Tensor {
        a.map { $0 + b }.recorded("addNumber", (a, { $0 }))
    }

    public static func * (a: Tensor, b: Float) -> Tensor {
        a.map { $0 * b }.recorded("multiplyNumber", (a, { $0 * b }))
    }

    public static func - (a: Tensor, b: Float) -> Tensor { a + -b }
    public static func / (a: Tensor, b: Float) -> Tensor { a * (1 / b) }
    public static func + (a: Float, b: Tensor) -> Tensor { b + a }
    public static func - (a: Float, b: Tensor) -> Tensor { -b + a }
    public static func * (a: Float, b: Tensor) -> Tensor { b * a }
    public static func / (a: Float, b: Tensor) -> Tensor { Tensor(a) / b }
    public static prefix func - (a: Tensor) -> Tensor { a * -1 }

    /// Adds `other` of the same shape, over this tensor's memory where nobody shares it.
    package mutating func accumulate(_ other: Tensor) {
        contract(shape == other.shape, "accumulate: shapes \(shape) and \(other.shape) differ")
        guard node == nil, isUnshared() else {
            self = self + other
            return
        }
        let (count, from) = (count, other)
        withUnsafeMutableBufferPointer { to in
            nonisolated(unsafe) let to = to.baseAddress!
            tensorFor(count, grain: elementGrain) { block in
                let from = from.pointer
                for i in block { to[i] += from[i] }
            }
        }
    }

    /// `function` of each element, unrecorded.
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

    /// `function` of each pair of elements after broadcasting, unrecorded.
    package static func elementwise(
        _ a: Tensor, _ b: Tensor, _ operation: StaticString, _ function: @Sendable (Float, Float) -> Float
    ) -> Tensor {
        let plan = BroadcastPlan(a.shape, b.shape, operation: operation)
        let (stepA, stepB, inner) = (plan.steps.a, plan.steps.b, plan.inner)
        return Tensor(shape: plan.shape) { out in
            guard let base = out.baseAddress, inner > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(plan.starts.count, grain: max(1, elementGrain / inner)) { block in
                for row in block {
                    let x = a.pointer + plan.starts[row].a
                    let y = b.pointer + plan.starts[row].b
                    let z = to + row * inner
                    for i in 0..<inner { z[i] = function(x[i * stepA], y[i * stepB]) }
                }
            }
        }
    }
}
