import CKernels
package import KuklaNumerics

extension Matrix {
    /// The rows as an index of `metric` takes them: checked, and under cosine divided by their norms.
    ///
    /// - Parameters:
    ///   - role: what a row is called in the error ("vector", "query").
    ///   - firstRow: the number of the first row in what the caller reads from.
    /// - Throws: `KuklaError.badData` that names the row with a component that is not finite, or under cosine the
    ///   row without a direction.
    package func prepared(
        for metric: Metric, role: String, firstRow: Int = 0, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> Matrix {
        let squares = try checkedSquaredNorms(
            metric: metric, role: role, firstRow: firstRow, threads: threads)
        guard metric == .cosine else { return self }
        return withUnsafeBufferPointer { source in
            Matrix(rows: rows, columns: columns) { target in
                guard columns > 0, rows > 0 else { return }
                nonisolated(unsafe) let (from, to) = (source.baseAddress!, target.baseAddress!)
                parallelFor(rows, grain: 4096, threads: threads) { block in
                    for row in block {
                        let (x, y) = (from + row * columns, to + row * columns)
                        let square = squares[row]
                        if square > 1e-30, square < 1e30 {
                            let factor = 1 / square.squareRoot()
                            for i in 0..<columns { y[i] = x[i] * factor }
                        } else {
                            // Too small or too large to square in single precision.
                            var sum = 0.0
                            for i in 0..<columns { sum += Double(x[i]) * Double(x[i]) }
                            let factor = 1 / sum.squareRoot()
                            for i in 0..<columns { y[i] = Float(Double(x[i]) * factor) }
                        }
                    }
                }
            }
        }
    }

    /// The sum of squares of every row, after all components were found finite.
    private func checkedSquaredNorms(
        metric: Metric, role: String, firstRow: Int, threads: Int
    ) throws(KuklaError) -> [Float] {
        var squares = [Float](repeating: 0, count: rows)
        guard rows > 0, columns > 0 else {
            guard rows == 0 || metric != .cosine else { throw Self.hasNoDirection(role, row: firstRow) }
            return squares
        }
        let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
        try withUnsafeBufferPointer { all throws(KuklaError) in
            try squares.withUnsafeMutableBufferPointer { squares throws(KuklaError) in
                nonisolated(unsafe) let (all, squares) = (all.baseAddress!, squares.baseAddress!)
                try parallelFor(rows, grain: 4096, threads: threads) { block throws(KuklaError) in
                    for row in block {
                        let x = all + row * columns
                        dot(x, x, 1, columns, squares + row)
                        // A sum may overflow although every component is finite.
                        if !squares[row].isFinite,
                            let column = (0..<columns).first(where: { !x[$0].isFinite })
                        {
                            throw KuklaError(
                                .badData,
                                "Cannot use \(role) \(firstRow + row): component \(column) is \(x[column]); all components must be finite numbers. Remove the row or mend its source."
                            )
                        }
                        if metric == .cosine, squares[row] < 1e-30,
                            (0..<columns).allSatisfy({ x[$0] == 0 })
                        {
                            throw Self.hasNoDirection(role, row: firstRow + row)
                        }
                    }
                }
            }
        }
        return squares
    }

    private static func hasNoDirection(_ role: String, row: Int) -> KuklaError {
        KuklaError(
            .badData,
            "Cannot use \(role) \(row): all its components are zero, so that it has no direction to compare by cosine. Remove the row or use the metric ip or l2."
        )
    }
}
