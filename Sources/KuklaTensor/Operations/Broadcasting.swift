import KuklaNumerics

/// How two operands run through a result that both are broadcast to: rows of one stretch each, with a step of 0 or 1 inside
/// the stretch and strides over the outer axes. Neighbouring axes that both operands treat alike are joined.
package struct BroadcastPlan {
    package let shape: [Int]
    /// The innermost stretch.
    package let inner: Int
    /// Steps inside the stretch: 1, or 0 where the operand repeats one element.
    package let steps: (a: Int, b: Int)
    /// Where each outer stretch begins in each operand.
    package let starts: [(a: Int, b: Int)]

    package init(_ a: [Int], _ b: [Int], operation: StaticString) {
        shape = a.broadcast(with: b, operation: operation)
        if a == b {
            (inner, steps, starts) = (shape.elementCount, (1, 1), shape.elementCount == 0 ? [] : [(0, 0)])
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
        var starts = shape.elementCount == 0 ? [] : [(a: 0, b: 0)]
        for axis in axes.dropFirst() {
            starts = (0..<axis.length).flatMap { i in
                starts.map { ($0.a + i * axis.a, $0.b + i * axis.b) }
            }
        }
        self.starts = starts
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
            for (i, start) in plan.starts.enumerated() {
                let row = to + i * plan.inner
                if plan.steps.a == 0 {
                    row.update(repeating: pointer[start.a], count: plan.inner)
                } else {
                    row.update(from: pointer + start.a, count: plan.inner)
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
