import KuklaNumerics

extension Tensor {
    /// The matrix product of the last two axes: `op(self) [..., m, k]` times `op(other) [..., k, n]` is `[..., m, n]`.
    ///
    /// A transposed operand is stored as `[..., k, m]` or `[..., n, k]`: the flag costs nothing. Leading axes are a batch and
    /// must agree, or one operand has none and every matrix of the other's batch meets it.
    /// - Complexity: O(batch * m * n * k).
    public func matmul(
        _ other: Tensor, transposingSelf: Bool = false, transposingOther: Bool = false
    ) -> Tensor {
        let a = self
        let b = other
        let product = MatrixProduct(
            a.shape, b.shape, transposeA: transposingSelf, transposeB: transposingOther)
        return product.run(a, b).recorded(
            "matmul",
            (
                a,
                { g in
                    transposingSelf
                        ? b.matmul(
                            g, transposingSelf: transposingOther, transposingOther: true, summing: a.shape)
                        : g.matmul(b, transposingOther: !transposingOther, summing: a.shape)
                }
            ),
            (
                b,
                { g in
                    transposingOther
                        ? g.matmul(
                            a, transposingSelf: true, transposingOther: transposingSelf, summing: b.shape)
                        : a.matmul(g, transposingSelf: !transposingSelf, summing: b.shape)
                }
            ))
    }

    // The product, summed over the batch where `shape` has no batch axes: the gradient of an operand that all shared.
    private func matmul(
        _ other: Tensor, transposingSelf: Bool = false, transposingOther: Bool = false, summing shape: [Int]
    ) -> Tensor {
        guard shape.count == 2, rank > 2 || other.rank > 2 else {
            return matmul(other, transposingSelf: transposingSelf, transposingOther: transposingOther)
        }
        if transposingSelf && !transposingOther, rank == other.rank {
            // sum over the batch of A'B = (all rows of A)'(all rows of B)
            return reshaped([-1, self.shape[rank - 1]])
                .matmul(other.reshaped([-1, other.shape[other.rank - 1]]), transposingSelf: true)
        }
        let all = matmul(other, transposingSelf: transposingSelf, transposingOther: transposingOther)
        return all.sum(axes: Array(0..<all.rank - 2))
    }
}

/// The lengths of a batched matrix product.
private struct MatrixProduct {
    let batch: [Int]
    let m, n, k: Int
    let transposeA, transposeB: Bool
    let sharesA, sharesB: Bool

    init(_ a: [Int], _ b: [Int], transposeA: Bool, transposeB: Bool) {
        contract(a.count >= 2 && b.count >= 2, "matmul: shapes \(a) and \(b): both need two axes")
        let (ra, ca) = (a[a.count - 2], a[a.count - 1])
        let (rb, cb) = (b[b.count - 2], b[b.count - 1])
        (m, k) = transposeA ? (ca, ra) : (ra, ca)
        let inner: Int
        (inner, n) = transposeB ? (cb, rb) : (rb, cb)
        contract(
            k == inner,
            "matmul: inner dimensions differ: \(a)\(transposeA ? " transposed" : "") and \(b)\(transposeB ? " transposed" : "")"
        )
        sharesA = a.count == 2 && b.count > 2
        sharesB = b.count == 2 && a.count > 2
        batch = Array((sharesA ? b : a).dropLast(2))
        contract(
            sharesA || sharesB || batch == Array(b.dropLast(2)),
            "matmul: batch axes differ: \(a) and \(b)")
        self.transposeA = transposeA
        self.transposeB = transposeB
    }

    func run(_ a: Tensor, _ b: Tensor) -> Tensor {
        Tensor(shape: batch + [m, n]) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            guard k > 0 else { return out.update(repeating: 0) }
            let count = batch.elementCount
            if sharesB && !transposeA {
                product(a.pointer, b.pointer, base, rows: count * m)
            } else if count == 1 {
                product(a.pointer, b.pointer, base, rows: m)
            } else {
                nonisolated(unsafe) let to = base  // every block writes matrices of its own
                tensorFor(count, grain: max(1, (1 << 18) / (m * n * k))) { block in
                    for i in block {
                        GEMM.multiply(
                            a.pointer + (sharesA ? 0 : i * m * k), b.pointer + (sharesB ? 0 : i * n * k),
                            into: to + i * m * n,
                            m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
                    }
                }
            }
        }
    }

    // One product of `rows` by n, its larger side split over the threads.
    private func product(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, rows: Int
    ) {
        GEMM.multiplyInParallel(
            a, b, into: c, m: rows, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
    }
}

extension GEMM {
    /// `multiply` with the rows or the columns of C, whichever are more, split over the threads of tensor operations.
    package static func multiplyInParallel(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false,
        lda: Int? = nil, ldb: Int? = nil, ldc: Int? = nil, beta: Float = 0
    ) {
        let (lda, ldb, ldc) = (lda ?? (transposeA ? m : k), ldb ?? (transposeB ? k : n), ldc ?? n)
        let isSmall = m * n * k < smallProduct
        nonisolated(unsafe) let (a, b, c) = (a, b, c)  // every block writes elements of its own
        if m >= n {
            tensorFor(m, grain: isSmall ? m : pieceLength(m)) { block in
                multiply(
                    a + block.lowerBound * (transposeA ? 1 : lda), b, into: c + block.lowerBound * ldc,
                    m: block.count, n: n, k: k, transposeA: transposeA, transposeB: transposeB, lda: lda,
                    ldb: ldb, ldc: ldc, beta: beta)
            }
        } else {
            tensorFor(n, grain: isSmall ? n : pieceLength(n)) { block in
                multiply(
                    a, b + block.lowerBound * (transposeB ? ldb : 1), into: c + block.lowerBound,
                    m: m, n: block.count, k: k, transposeA: transposeA, transposeB: transposeB, lda: lda,
                    ldb: ldb, ldc: ldc, beta: beta)
            }
        }
    }

    /// Products of fewer multiplications than this stay on one thread.
    package static var smallProduct: Int { 1 << 19 }

    /// How many rows (or columns) of a product one piece has. oneDNN packs the other operand anew for each piece, which costs 8% with
    /// 200 rows and 2% with 1,000; more pieces than processors even out what else these have to do. Whole tiles of 48, so that no piece
    /// has a ragged edge in the middle.
    package static func pieceLength(_ side: Int) -> Int {
        let machine = TensorThreads.machine
        let pieces = max(machine, min(2 * machine, side / 1024))
        return ((side + pieces - 1) / pieces + 47) / 48 * 48
    }
}
