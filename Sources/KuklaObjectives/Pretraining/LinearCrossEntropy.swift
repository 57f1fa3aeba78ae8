import KuklaNumerics
package import KuklaTensor

extension Tensor {
    /// The mean cross-entropy of `x table' + bias`, in chunks of rows whose logits are forgotten at once.
    ///
    /// *Shapes:* `x [n, d]`, `table [classes, d]`, `bias [classes]`, n targets; a scalar, 0 where there are no rows.
    /// The gradient is computed with the value, so that no logits are kept for it.
    /// *Memory:* about 64 MiB for logits and their gradient whatever n is, and two tables' worth for the table's gradient.
    package func linearCrossEntropy(
        table: Tensor, bias: Tensor, targets: [Int32], rowsAtATime: Int? = nil
    ) -> Tensor {
        contract(
            rank == 2 && table.rank == 2 && shape[1] == table.shape[1] && bias.shape == [table.shape[0]]
                && shape[0] == targets.count,
            "linearCrossEntropy: \(shape) with a table \(table.shape), a bias \(bias.shape) and \(targets.count) targets"
        )
        let count = targets.count
        guard count > 0 else { return Tensor(0) }
        let chunk = rowsAtATime ?? Swift.max(64, (1 << 23) / table.shape[0])
        let isRecorded = Tape.isRecording && [self, table, bias].contains { $0.node != nil }
        let (weight, offset) = (table.detached.watched(), bias.detached.watched())
        var total = 0.0
        var slopes: [Tensor] = []
        var sum = Gradients()
        for start in stride(from: 0, to: count, by: chunk) {
            let end = Swift.min(start + chunk, count)
            let rows = detached[rows: start..<end].watched()
            func loss() -> Tensor {
                rows.linear(weight, offset).crossEntropy(
                    targets: Array(targets[start..<end]), reduction: .sum)
            }
            guard isRecorded else {
                total += Double(withoutGradient { loss() }.item)
                continue
            }
            let part = loss()
            total += Double(part.item)
            var gradients = part.gradients()
            slopes.append(gradients[rows]?.dense ?? .zeros(rows.shape))
            gradients[rows] = nil
            sum.add(gradients)
        }
        let result = Tensor(Float(total / Double(count)))
        guard isRecorded else { return result }
        let slope = slopes.count == 1 ? slopes[0] : Tensor.concatenated(slopes, axis: 0)
        let (tableSlope, biasSlope) = (sum[weight]?.dense, sum[offset]?.dense)
        return result.recorded("linearCrossEntropy", from: [self, table, bias]) { gradient, accumulator in
            Tape.requireFirstOrder("linearCrossEntropy")
            let factor = gradient.item / Float(count)
            accumulator.add(slope * factor, to: self)
            if let tableSlope { accumulator.add(tableSlope * factor, to: table) }
            if let biasSlope { accumulator.add(biasSlope * factor, to: bias) }
        }
    }
}
