import KuklaNumerics

/// Batch normalisation of a matrix, whose channels are its columns, and its gradient: rows are walked as they lie in memory, since a column
/// by itself is one float of each line.
struct ColumnNorm: Sendable {
    private let rows, columns: Int
    private let epsilon: Float

    init(_ shape: [Int], epsilon: Float) {
        (rows, columns) = (shape[0], shape[1])
        self.epsilon = epsilon
    }

    func apply(
        _ x: Tensor, _ gamma: Tensor?, _ beta: Tensor?, _ name: StaticString
    ) -> (result: Tensor, mean: Tensor, variance: Tensor) {
        let mean = x.detached.mean(axes: [0])
        // From differences to the mean, in a second pass.
        let variance = columnProducts(x, around: mean, x, around: mean) / Float(rows)
        let rstd = variance.map { 1 / ($0 + epsilon).squareRoot() }
        let scale = gamma.map { $0.detached * rstd } ?? rstd
        let shift = (beta?.detached ?? .zeros([columns])) - mean * scale
        let result = combined(x, scale, nil, nil, shift)
        let inputs = [x] + [gamma, beta].compactMap { $0 }
        let recorded = result.recorded(name, from: inputs) { gradient, accumulator in
            Tape.requireFirstOrder(name)
            let sums = gradient.sum(axes: [0])
            let products =
                columnProducts(gradient, around: .zeros([columns]), x, around: mean) * rstd
            // rstd gamma (g - mean of g - x^ mean of g x^)
            let slope = scale * products * rstd / Float(-rows)
            let offset = scale * sums / Float(-rows) - slope * mean
            accumulator.add(combined(gradient, scale, x, slope, offset), to: x)
            if let gamma { accumulator.add(products, to: gamma) }
            if let beta { accumulator.add(sums, to: beta) }
        }
        return (recorded, mean, variance)
    }

    // The sum of `(x - a) (y - b)` over each column, where a and b are a number a column.
    private func columnProducts(
        _ x: Tensor, around a: Tensor, _ y: Tensor, around b: Tensor
    ) -> Tensor {
        summingOverRows(rows, columns: columns, width: columns) { block, sums in
            let (a, b, x, y) = (a.pointer, b.pointer, x.pointer, y.pointer)
            for row in block {
                let (x, y) = (x + row * columns, y + row * columns)
                for i in 0..<columns { sums[i] += (x[i] - a[i]) * (y[i] - b[i]) }
            }
        }
    }

    // `x scale + y slope + shift`, the last three a number a column.
    private func combined(
        _ x: Tensor, _ scale: Tensor, _ y: Tensor?, _ slope: Tensor?, _ shift: Tensor
    ) -> Tensor {
        Tensor(shape: [rows, columns]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(rows, grain: max(1, elementGrain / max(1, columns))) { block in
                let (x, scale, shift) = (x.pointer, scale.pointer, shift.pointer)
                let (y, slope) = (y?.pointer, slope?.pointer)
                for row in block {
                    let (x, to) = (x + row * columns, to + row * columns)
                    for i in 0..<columns { to[i] = x[i] * scale[i] + shift[i] }
                    guard let y, let slope else { continue }
                    let other = y + row * columns
                    for i in 0..<columns { to[i] += other[i] * slope[i] }
                }
            }
        }
    }
}
