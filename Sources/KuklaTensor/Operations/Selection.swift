import KuklaNumerics

// Choosing between values, element by element. Each has gradients of gradients.

extension Tensor {
    /// `a` where the mask is not zero and `b` elsewhere ("where"); all three broadcast.
    ///
    /// What is not chosen has no influence: an infinite or NaN value there spoils neither result nor gradient of the other.
    public static func select(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
        let mask = mask.detached
        return chosen(mask, a, b).recorded(
            "select",
            (a, { select(mask, $0, Tensor(0)).summed(toShape: a.shape) }),
            (b, { select(mask, Tensor(0), $0).summed(toShape: b.shape) }))
    }

    /// `number` where the mask is not zero, this tensor's elements elsewhere.
    public func filled(with number: Float, where mask: Tensor) -> Tensor {
        Tensor.select(mask, Tensor(number), self)
    }

    /// Each element, but no less than `min` and no more than `max`; the slope is 1 at the bounds and 0 beyond.
    public func clamp(min: Float = -.infinity, max: Float = .infinity) -> Tensor {
        contract(min <= max, "clamp: from \(min) to \(max)")
        // NaN stays: both comparisons are false for it.
        return mappingBlocks { x, y, count in
            for i in 0..<count { y[i] = x[i] < min ? min : x[i] > max ? max : x[i] }
        }.recorded(
            "clamp",
            (
                self,
                { g in
                    g
                        * self.mappingBlocks { x, y, count in
                            for i in 0..<count { y[i] = x[i] < min || x[i] > max ? 0 : 1 }
                        }
                }
            ))
    }

    /// The greater of each pair; equal ones share the gradient. NaN where either is.
    public static func maximum(_ a: Tensor, _ b: Tensor) -> Tensor {
        elementwise(a, b, "maximum") { $0 > $1 ? $0 : $0 <= $1 ? $1 : $0 + $1 }.recorded(
            "maximum",
            (a, { ($0 * preference(a, b)).summed(toShape: a.shape) }),
            (b, { ($0 * preference(b, a)).summed(toShape: b.shape) }))
    }

    /// The smaller of each pair; equal ones share the gradient. NaN where either is.
    public static func minimum(_ a: Tensor, _ b: Tensor) -> Tensor {
        elementwise(a, b, "minimum") { $0 < $1 ? $0 : $0 >= $1 ? $1 : $0 + $1 }.recorded(
            "minimum",
            (a, { ($0 * preference(b, a)).summed(toShape: a.shape) }),
            (b, { ($0 * preference(a, b)).summed(toShape: b.shape) }))
    }

    // 1 where a > b, 1/2 where they are equal, 0 elsewhere.
    private static func preference(_ a: Tensor, _ b: Tensor) -> Tensor {
        elementwise(a, b, "maximum") { $0 > $1 ? 1 : $0 == $1 ? 0.5 : 0 }
    }

    // The forward of `select`. Numbers and full shapes are read as they are; what lies between is broadcast first.
    private static func chosen(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
        let shape = mask.shape.broadcast(
            with: a.shape.broadcast(with: b.shape, operation: "select"), operation: "select")
        let operands = [mask, a, b].map { operand in
            let operand = operand.detached
            return operand.count == 1 || operand.shape == shape ? operand : operand.broadcast(to: shape)
        }
        let steps = operands.map { $0.count == 1 ? 0 : 1 }
        let (stepM, stepA, stepB) = (steps[0], steps[1], steps[2])
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(out.count, grain: elementGrain) { block in
                let (m, x, y) = (operands[0].pointer, operands[1].pointer, operands[2].pointer)
                if stepM == 1 && stepA == 1 && stepB == 1 {
                    for i in block { to[i] = m[i] != 0 ? x[i] : y[i] }
                } else {
                    for i in block { to[i] = m[i * stepM] != 0 ? x[i * stepA] : y[i * stepB] }
                }
            }
        }
    }
}
