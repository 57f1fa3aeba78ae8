import KuklaNumerics

/// How two operands run through a result that both are broadcast to: rows of one stretch each, with a step of 0 or 1 inside
/// the stretch and strides over the outer axes. Neighbouring axes that both operands treat alike are joined.
package struct BroadcastPlan {
    package let shape: [Int]
    /// The innermost stretch.
    package let inner: Int
    /// Steps inside the stretch: 1, or 0 where the operand repeats one element.
    package let steps: (a: Int, b: Int)
    /// The axes around the stretch, innermost first: their lengths and how far a step goes in each operand.
    private let outer: [(length: Int, a: Int, b: Int)]
    /// The number of stretches.
    package let count: Int

    package init(_ a: [Int], _ b: [Int], operation: StaticString) {
        shape = a.broadcast(with: b, operation: operation)
        if a == b {
            (inner, steps, outer, count) = (shape.elementCount, (1, 1), [], shape.elementCount == 0 ? 0 : 1)
            return
        }
        // Axes from the last to the first, as (length, stride of a, stride of b), joined where possible.
        var axes: [(length: Int, a: Int, b: Int)] = []
        var (strideA, strideB) = (1, 1)
        for i in 1...max(shape.count, 1) where i <= shape.count {
            let length = shape[shape.count - i]
            let lengthA = i <= a.count ? a[a.count - i] : 1
            let lengthB = i <= b.count ? b[b.count - i] : 1
            let axis = (length, lengthA == 1 ? 0 : strideA, lengthB == 1 ? 0 : strideB)
            strideA *= lengthA
            strideB *= lengthB
            if length == 1 { continue }
            if let last = axes.last, axis.1 == last.a * last.length, axis.2 == last.b * last.length {
                axes[axes.count - 1].length *= length
            } else {
                axes.append(axis)
            }
        }
        let first = axes.first ?? (1, 1, 1)
        inner = shape.elementCount == 0 ? 0 : first.length
        steps = (first.a, first.b)
        outer = Array(axes.dropFirst())
        count = shape.elementCount == 0 ? 0 : outer.reduce(1) { $0 * $1.length }
    }

    /// Where stretch `row` begins in each operand.
    package func start(_ row: Int) -> (a: Int, b: Int) {
        if outer.count == 1 { return (row * outer[0].a, row * outer[0].b) }
        var (rest, a, b) = (row, 0, 0)
        for axis in outer {
            let (quotient, i) = rest.quotientAndRemainder(dividingBy: axis.length)
            a += i * axis.a
            b += i * axis.b
            rest = quotient
        }
        return (a, b)
    }

    /// Calls `body` for every stretch, on all threads: its number, which of its elements, and where it begins in each operand.
    /// One long stretch is cut into blocks.
    package func forEachStretch(
        _ body: @Sendable (_ row: Int, _ range: Range<Int>, _ start: (a: Int, b: Int)) -> Void
    ) {
        if count == 1 {
            tensorFor(inner, grain: elementGrain) { body(0, $0, (0, 0)) }
        } else {
            tensorFor(count, grain: max(1, elementGrain / max(1, inner))) { block in
                for row in block { body(row, 0..<inner, start(row)) }
            }
        }
    }
}

extension Tensor {
    /// This tensor repeated to `shape`; axes are aligned at the end.
    ///
    /// Elementwise operations broadcast by themselves, without a copy; this makes the copy.
    public func broadcast(to shape: [Int]) -> Tensor {
        if self.shape == shape { return self }
        let plan = BroadcastPlan(self.shape, shape, operation: "broadcast")
        contract(plan.shape == shape, "broadcast: \(self.shape) to \(shape)")
        let before = self.shape
        return Tensor(shape: shape) { out in
            guard let to = out.baseAddress else { return }
            nonisolated(unsafe) let base = to  // every block writes elements of its own
            plan.forEachStretch { row, range, start in
                let to = base + row * plan.inner + range.lowerBound
                if plan.steps.a == 0 {
                    to.update(repeating: pointer[start.a], count: range.count)
                } else {
                    to.update(from: pointer + start.a + range.lowerBound, count: range.count)
                }
            }
        }.recorded("broadcast", (self, { $0.summed(toShape: before) }))
    }

    /// The sum over everything that broadcasting `shape` to this shape had repeated.
    package func summed(toShape shape: [Int]) -> Tensor {
        if self.shape == shape { return self }
        let lead = rank - shape.count
        let axes = (0..<rank).filter { $0 < lead || (shape[$0 - lead] == 1 && self.shape[$0] != 1) }
        return sum(axes: axes, keepingAxes: true).reshaped(shape)
    }
}
