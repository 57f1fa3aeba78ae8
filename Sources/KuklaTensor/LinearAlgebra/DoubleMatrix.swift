import KuklaNumerics

/// One matrix in float64, row-major: what decompositions and their gradients compute with inside.
struct DoubleMatrix: Sendable {
    let rows, columns: Int
    var values: [Double]

    init(rows: Int, columns: Int, values: [Double]) {
        assert(values.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    init(rows: Int, columns: Int, repeating value: Double = 0) {
        self.init(rows: rows, columns: columns, values: .init(repeating: value, count: rows * columns))
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    /// Each element replaced by `body(row, column, value)`.
    func mapped(_ body: (Int, Int, Double) -> Double) -> DoubleMatrix {
        var result = self
        for i in 0..<rows { for j in 0..<columns { result[i, j] = body(i, j, self[i, j]) } }
        return result
    }

    var transposed: DoubleMatrix {
        var result = DoubleMatrix(rows: columns, columns: rows)
        for i in 0..<rows { for j in 0..<columns { result[j, i] = self[i, j] } }
        return result
    }

    /// `(self + self') / 2`: the gradient of a matrix of which only symmetric values are allowed.
    var symmetrized: DoubleMatrix { mapped { i, j, value in (value + self[j, i]) / 2 } }

    /// The part below the diagonal, the diagonal times `diagonal`.
    func lower(diagonal: Double = 1) -> DoubleMatrix {
        mapped { i, j, value in i > j ? value : i == j ? diagonal * value : 0 }
    }

    /// The part above the diagonal and the diagonal.
    var upper: DoubleMatrix { mapped { i, j, value in i <= j ? value : 0 } }

    /// The columns in `range`.
    subscript(columns range: Range<Int>) -> DoubleMatrix {
        var result = DoubleMatrix(rows: rows, columns: range.count)
        for i in 0..<rows { for j in range { result[i, j - range.lowerBound] = self[i, j] } }
        return result
    }

    static func * (a: DoubleMatrix, b: DoubleMatrix) -> DoubleMatrix {
        assert(a.columns == b.rows)
        var result = DoubleMatrix(rows: a.rows, columns: b.columns)
        let n = b.columns
        result.values.withUnsafeMutableBufferPointer { c in
            a.values.withUnsafeBufferPointer { x in
                b.values.withUnsafeBufferPointer { y in
                    guard let c = c.baseAddress, let y = y.baseAddress else { return }
                    for i in 0..<a.rows {
                        let row = c + i * n
                        for k in 0..<a.columns {
                            let (factor, other) = (x[i * a.columns + k], y + k * n)
                            for j in 0..<n { row[j] += factor * other[j] }
                        }
                    }
                }
            }
        }
        return result
    }

    static func + (a: DoubleMatrix, b: DoubleMatrix) -> DoubleMatrix {
        DoubleMatrix(rows: a.rows, columns: a.columns, values: zip(a.values, b.values).map(+))
    }

    static func - (a: DoubleMatrix, b: DoubleMatrix) -> DoubleMatrix {
        DoubleMatrix(rows: a.rows, columns: a.columns, values: zip(a.values, b.values).map(-))
    }

    static prefix func - (a: DoubleMatrix) -> DoubleMatrix {
        DoubleMatrix(rows: a.rows, columns: a.columns, values: a.values.map(-))
    }

    /// The rows scaled by `factors`: `diag(factors) * self`.
    func scalingRows(by factors: [Double]) -> DoubleMatrix { mapped { i, _, value in factors[i] * value } }

    /// The columns scaled by `factors`: `self * diag(factors)`.
    func scalingColumns(by factors: [Double]) -> DoubleMatrix { mapped { _, j, value in value * factors[j] } }
}
