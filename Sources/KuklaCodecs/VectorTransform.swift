import KuklaNumerics

/// A trained transform: what it does to stored vectors, to queries, and backwards.
///
/// Stored vectors become `z`; `restored` gives the vectors `x'` that `z` stand for among the original ones. A query
/// becomes `q'` and an offset such that `metric(q', z) + offset = metric(q, x')`: scores keep approximating the
/// metric on the original vectors. Three transforms change the metric instead, and say so: truncation under
/// cosine (both sides normalised again), whitening (compared in whitened space, both sides centred) and trained heads (compared
/// by what comes out of them).
struct VectorTransform: Sendable {
    enum Kind: Sendable {
        /// The first components; then length 1 where `normalises`.
        case truncation(normalises: Bool)
        /// `z = matrix (x - mean)`, the rows of `matrix` orthonormal.
        case projection(Matrix, mean: [Float]?)
        /// The same, each row of `matrix` divided by the deviation in that direction; then length 1 where `normalises`.
        case whitening(Matrix, mean: [Float], deviations: [Float], normalises: Bool)
        case head(HeadTransform)
    }

    let kind: Kind
    let metric: Metric
    let inputDimensions: Int
    let outputDimensions: Int
    /// `matrix * mean`.
    private let shift: [Float]

    init(_ kind: Kind, metric: Metric, inputDimensions: Int, outputDimensions: Int) {
        self.kind = kind
        self.metric = metric
        self.inputDimensions = inputDimensions
        self.outputDimensions = outputDimensions
        switch kind {
        case .projection(let matrix, .some(let mean)), .whitening(let matrix, let mean, _, _):
            shift =
                Matrix(rows: 1, columns: mean.count, elements: mean)
                .multiplied(by: matrix, transposed: true, threads: 1).elements
        default: shift = []
        }
    }

    /// Stored vectors, transformed. `[n, input]` to `[n, output]`, on the calling thread.
    func stored(_ vectors: Matrix) -> Matrix {
        switch kind {
        case .truncation(let normalises):
            var result = vectors.truncated(to: outputDimensions)
            if normalises { result.normalizeRows() }
            return result
        case .projection(let matrix, _):
            return projected(vectors, by: matrix)
        case .whitening(let matrix, _, _, let normalises):
            var result = projected(vectors, by: matrix)
            if normalises { result.normalizeRows() }
            return result
        case .head(let head): return head(vectors)
        }
    }

    private func projected(_ vectors: Matrix, by matrix: Matrix) -> Matrix {
        var result = vectors.multiplied(by: matrix, transposed: true, threads: 1)
        if !shift.isEmpty { result.addToRows(shift, times: -1) }
        return result
    }

    /// Queries, transformed, and what to add to their scores.
    func queries(_ queries: Matrix) -> (queries: Matrix, offsets: [Float]) {
        var offsets = [Float](repeating: 0, count: queries.rows)
        switch kind {
        case .whitening, .head: return (stored(queries), offsets)
        case .truncation:
            let result = stored(queries)
            if metric == .squaredEuclidean { offsets = lostSquares(of: queries, keeping: result) }
            return (result, offsets)
        case .projection(let matrix, let mean):
            if metric == .squaredEuclidean {
                let result = stored(queries)
                var centred = queries
                if let mean { centred.addToRows(mean, times: -1) }
                return (result, lostSquares(of: centred, keeping: result))
            }
            // q.x = q.(x - mean) + q.mean: only stored vectors are centred.
            if let mean {
                for row in 0..<queries.rows {
                    offsets[row] = queries.withUnsafeRow(row) { q in
                        Float(zip(q, mean).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
                    }
                }
            }
            return (queries.multiplied(by: matrix, transposed: true, threads: 1), offsets)
        }
    }

    /// `-(|before|^2 - |after|^2)`: the part of a squared distance that lies in directions which are not kept.
    private func lostSquares(of before: Matrix, keeping after: Matrix) -> [Float] {
        guard outputDimensions < inputDimensions else { return [Float](repeating: 0, count: before.rows) }
        return (0..<before.rows).map { row in
            let all = before.withUnsafeRow(row) { ScalarCodec.length($0) }
            let kept = after.withUnsafeRow(row) { ScalarCodec.length($0) }
            return Float(min(0, kept * kept - all * all))
        }
    }

    /// The original vectors that transformed ones stand for. `[n, output]` to `[n, input]`.
    func restored(_ vectors: Matrix) -> Matrix {
        switch kind {
        case .truncation:
            return Matrix(rows: vectors.rows, columns: inputDimensions) { out in
                out.update(repeating: 0)
                vectors.withUnsafeBufferPointer { z in
                    for row in 0..<vectors.rows {
                        (out.baseAddress! + row * inputDimensions)
                            .update(from: z.baseAddress! + row * outputDimensions, count: outputDimensions)
                    }
                }
            }
        case .projection(let matrix, let mean):
            var result = vectors.multiplied(by: matrix, threads: 1)
            if let mean { result.addToRows(mean, times: 1) }
            return result
        case .whitening(let matrix, let mean, let deviations, let normalises):
            // A row was divided by its deviation once, so its square undoes that and whitening. Where lengths were
            // lost, they are taken to be what they are on average: sqrt(dimensions).
            let length = normalises ? Float(outputDimensions).squareRoot() : 1
            var scaled = vectors
            scaled.withUnsafeMutableBufferPointer { z in
                for i in z.indices {
                    let deviation = deviations[i % outputDimensions]
                    z[i] *= deviation * deviation * length
                }
            }
            var result = scaled.multiplied(by: matrix, threads: 1)
            result.addToRows(mean, times: 1)
            return result
        case .head(let head): return head.restored(vectors)
        }
    }

    /// What training found, by name.
    var parameters: [String: Matrix] {
        func row(_ values: [Float]) -> Matrix { Matrix(rows: 1, columns: values.count, elements: values) }
        switch kind {
        case .truncation: return [:]
        case .projection(let matrix, let mean):
            return mean.map { ["matrix": matrix, "mean": row($0)] } ?? ["matrix": matrix]
        case .whitening(let matrix, let mean, let deviations, _):
            return ["matrix": matrix, "mean": row(mean), "deviations": row(deviations)]
        case .head(let head): return head.parameters
        }
    }
}

extension Matrix {
    /// The first `count` columns.
    func truncated(to count: Int) -> Matrix {
        guard count < columns else { return self }
        return Matrix(rows: rows, columns: count) { out in
            guard out.count > 0 else { return }
            withUnsafeBufferPointer { all in
                for row in 0..<rows {
                    (out.baseAddress! + row * count).update(
                        from: all.baseAddress! + row * columns, count: count)
                }
            }
        }
    }

    /// Divides every row by its length; rows of zeros stay.
    package mutating func normalizeRows() {
        let columns = columns
        guard columns > 0 else { return }
        withUnsafeMutableBufferPointer { all in
            for start in stride(from: 0, to: all.count, by: columns) {
                let row = UnsafeMutableBufferPointer(rebasing: all[start..<start + columns])
                let length = ScalarCodec.length(UnsafeBufferPointer(row))
                guard length > 0 else { continue }
                for i in row.indices { row[i] = Float(Double(row[i]) / length) }
            }
        }
    }

    /// Adds `factor * vector` to every row.
    mutating func addToRows(_ vector: [Float], times factor: Float) {
        let columns = columns
        withUnsafeMutableBufferPointer { all in
            vector.withUnsafeBufferPointer { v in
                for start in stride(from: 0, to: all.count, by: columns) {
                    for i in 0..<columns { all[start + i] += factor * v[i] }
                }
            }
        }
    }
}
