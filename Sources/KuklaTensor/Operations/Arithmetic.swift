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

    /// `function` of each element, unrecorded. Inlined, so that the loop is compiled for the function and vectorised.
    @inline(__always)
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

    /// `function` of each pair of elements after broadcasting, unrecorded. Inlined like `map`.
    @inline(__always)
    package static func elementwise(
        _ a: Tensor, _ b: Tensor, _ operation: StaticString, _ function: @Sendable (Float, Float) -> Float
    ) -> Tensor {
        let plan = BroadcastPlan(a.shape, b.shape, operation: operation)
        return Tensor(shape: plan.shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            plan.forEachStretch { row, range, start in
                let x = a.pointer + start.a
                let y = b.pointer + start.b
                let z = to + row * plan.inner
                switch plan.steps {
                case (1, 1): for i in range { z[i] = function(x[i], y[i]) }
                case (1, _):
                    let y = y[0]
                    for i in range { z[i] = function(x[i], y) }
                case (_, 1):
                    let x = x[0]
                    for i in range { z[i] = function(x, y[i]) }
                default: for i in range { z[i] = function(x[0], y[0]) }
                }
            }
        }
    }
}
