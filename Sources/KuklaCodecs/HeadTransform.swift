package import KuklaNumerics

/// What a trained head does to vectors (`HEADd`): a linear map, then a layer norm,
/// `z = scale * standardized(matrix x + bias) + shift`.
///
/// Stored vectors and queries go through the same head. It is no approximation of the metric on what comes in: scores are the
/// metric between what comes out.
package struct HeadTransform: Sendable {
    /// `[output, input]`.
    let matrix: Matrix
    let bias: [Float]
    let scale: [Float]
    let shift: [Float]
    /// `[input, output]`, the pseudo-inverse of `matrix`: for the way back.
    private let inverse: Matrix
    /// What standardization divides by, on average: the way back multiplies by it.
    private let deviation: Float

    /// As layer norms elsewhere.
    private static let epsilon = 1e-5

    /// - Parameter sample: vectors as they come in, by which the way back is scaled.
    /// - Throws: `KuklaError.badData` where the matrix has no finite pseudo-inverse.
    package init(
        matrix: Matrix, bias: [Float], scale: [Float], shift: [Float], sample: Matrix
    ) throws(KuklaError) {
        (self.matrix, self.bias, self.scale, self.shift) = (matrix, bias, scale, shift)
        let (u, values, vt) = try matrix.singularValues()
        let least = (values.first ?? 0) * 1e-5
        var columns = vt.transposed()
        columns.withUnsafeMutableBufferPointer { all in
            for i in all.indices {
                let value = values[i % values.count]
                all[i] = value > least ? all[i] / value : 0
            }
        }
        inverse = columns.multiplied(by: u, transposed: true, threads: 1)
        var mapped = sample.multiplied(by: matrix, transposed: true, threads: 1)
        mapped.addToRows(bias, times: 1)
        var sum = 0.0
        for row in 0..<mapped.rows { sum += Self.moments(mapped.row(row)).deviation }
        deviation = mapped.rows == 0 ? 1 : Float(sum / Double(mapped.rows))
    }

    /// The first `output` components, standardized: what a head begins as.
    init(keeping output: Int, of sample: Matrix) throws(KuklaError) {
        var matrix = Matrix(rows: output, columns: sample.columns)
        for i in 0..<output { matrix[i, i] = 1 }
        let zeros = [Float](repeating: 0, count: output)
        try self.init(
            matrix: matrix, bias: zeros, scale: [Float](repeating: 1, count: output), shift: zeros,
            sample: sample)
    }

    init(from reader: ParameterReader, input: Int, output: Int) throws(KuklaError) {
        try reader.expectOnly(["matrix", "bias", "scale", "shift", "inverse", "deviation"])
        matrix = try reader.matrix("matrix", rows: output, columns: input)
        bias = try reader.vector("bias", count: output)
        scale = try reader.vector("scale", count: output)
        shift = try reader.vector("shift", count: output)
        inverse = try reader.matrix("inverse", rows: input, columns: output)
        deviation = try reader.vector("deviation", count: 1)[0]
    }

    package var parameters: [String: Matrix] {
        func row(_ values: [Float]) -> Matrix { Matrix(rows: 1, columns: values.count, elements: values) }
        return [
            "matrix": matrix, "bias": row(bias), "scale": row(scale), "shift": row(shift), "inverse": inverse,
            "deviation": row([deviation]),
        ]
    }

    /// `[n, input]` to `[n, output]`.
    package func callAsFunction(_ vectors: Matrix) -> Matrix {
        var result = vectors.multiplied(by: matrix, transposed: true, threads: 1)
        result.addToRows(bias, times: 1)
        let size = result.columns
        result.withUnsafeMutableBufferPointer { all in
            for start in stride(from: 0, to: all.count, by: size) {
                let row = UnsafeMutableBufferPointer(rebasing: all[start..<start + size])
                let (mean, deviation) = Self.moments(row)
                for i in row.indices {
                    row[i] = Float((Double(row[i]) - mean) / deviation) * scale[i] + shift[i]
                }
            }
        }
        return result
    }

    /// Vectors that would become about `heads`: components that were scaled by 0 are taken to be 0.
    func restored(_ heads: Matrix) -> Matrix {
        var mapped = heads
        let size = mapped.columns
        mapped.withUnsafeMutableBufferPointer { all in
            for i in all.indices {
                let j = i % size
                let standard = scale[j] == 0 ? 0 : (all[i] - shift[j]) / scale[j]
                all[i] = standard * deviation - bias[j]
            }
        }
        return mapped.multiplied(by: inverse, transposed: true, threads: 1)
    }

    private static func moments(_ row: some Collection<Float>) -> (mean: Double, deviation: Double) {
        let count = Double(row.count)
        let mean = row.reduce(0.0) { $0 + Double($1) } / count
        let variance = row.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        return (mean, (variance + epsilon).squareRoot())
    }
}
