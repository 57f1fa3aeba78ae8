import KuklaNumerics
import Synchronization

/// The matrices of a tensor `[..., rows, columns]`, one after the other in float64: how batched linear algebra runs.
struct MatrixBatch: Sendable {
    /// The axes before the last two.
    let lead: [Int]
    let rows, columns: Int
    let matrices: [DoubleMatrix]

    init(_ tensor: Tensor, operation: StaticString, isSquare: Bool = false) {
        let shape = tensor.shape
        contract(shape.count >= 2, "\(operation): shape \(shape), expected [..., rows, columns]")
        lead = Array(shape.dropLast(2))
        (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        contract(!isSquare || rows == columns, "\(operation): matrices of shape \(shape) are not square")
        let (rows, columns) = (rows, columns)
        matrices = tensor.withUnsafeBufferPointer { elements in
            (0..<shape.dropLast(2).reduce(1, *)).map { i in
                let size = rows * columns
                return DoubleMatrix(
                    rows: rows, columns: columns, values: elements[i * size..<(i + 1) * size].map(Double.init)
                )
            }
        }
    }

    var count: Int { matrices.count }

    /// `body` of every matrix and its number, several at a time; the first failure is thrown.
    func map<Result: Sendable, Failure: Error>(
        _ body: @Sendable (Int, DoubleMatrix) throws(Failure) -> Result
    ) throws(Failure) -> [Result] {
        let results = Mutex([Result?](repeating: nil, count: count))
        let work = max(1, rows * columns * min(rows, columns))
        try parallelFor(count, grain: max(1, (1 << 17) / work), threads: TensorThreads.count) {
            (block) throws(Failure) in
            for i in block {
                let result = try body(i, matrices[i])
                results.withLock { $0[i] = result }
            }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// `body` of every matrix together with the one of the same number in `other`.
    func combined(
        with other: Tensor, _ operation: StaticString,
        _ body: @Sendable (Int, DoubleMatrix, DoubleMatrix) -> DoubleMatrix
    ) -> Tensor {
        let others = MatrixBatch(other, operation: operation)
        let results = map { i, matrix in body(i, matrix, others.matrices[i]) }
        return Tensor(lead: lead, results)
    }

    /// How a message names matrix `i`.
    func name(_ i: Int) -> String {
        count == 1 ? "the [\(rows), \(columns)] matrix" : "matrix \(i) of \(count) ([\(rows), \(columns)])"
    }
}

extension Tensor {
    /// Matrices of one shape under the leading axes `lead`, rounded to float32. At least one, or `shape` says theirs.
    init(lead: [Int], _ matrices: [DoubleMatrix], shape: (rows: Int, columns: Int)? = nil) {
        let rows = shape?.rows ?? matrices.first?.rows ?? 0
        let columns = shape?.columns ?? matrices.first?.columns ?? 0
        self.init(shape: lead + [rows, columns]) { out in
            var at = 0
            for matrix in matrices {
                for value in matrix.values {
                    out[at] = Float(value)
                    at += 1
                }
            }
        }
    }

    /// Vectors of one length under the leading axes `lead`, rounded to float32.
    init(lead: [Int], vectors: [[Double]], length: Int) {
        self.init(shape: lead + [length]) { out in
            var at = 0
            for value in vectors.joined() {
                out[at] = Float(value)
                at += 1
            }
        }
    }
}
