internal import CDNNL
import CKernels

/// Matrix products by oneDNN, each on the calling thread alone: work is split over threads by `parallelFor`,
/// one level above, where the pieces are large and no thread waits for another.
public enum GEMM {
    /// `C = alpha * op(A) * op(B) + beta * C`, row-major, float32.
    ///
    /// *Shapes:* `op(A)` is `[m, k]`, `op(B)` is `[k, n]`, `C` is `[m, n]`; a transposed operand is stored as
    /// `[k, m]` or `[n, k]`. Row strides (`lda` ...) are in elements. Empty shapes do nothing.
    public static func multiply(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false,
        lda: Int? = nil, ldb: Int? = nil, ldc: Int? = nil, alpha: Float = 1, beta: Float = 0
    ) {
        guard m > 0, n > 0 else { return }
        kk_limit_openmp_threads(1)
        let status = dnnl_sgemm(
            transposeA ? CChar(84) : CChar(78), transposeB ? CChar(84) : CChar(78),  // 'T' or 'N'
            dnnl_dim_t(m), dnnl_dim_t(n), dnnl_dim_t(k), alpha, a, dnnl_dim_t(lda ?? (transposeA ? m : k)),
            b, dnnl_dim_t(ldb ?? (transposeB ? k : n)), beta, c, dnnl_dim_t(ldc ?? n))
        contract(
            status == dnnl_success, "oneDNN sgemm [\(m), \(k)] x [\(k), \(n)]: status \(status.rawValue)")
    }

    /// `C = A * B` for unsigned 8-bit `A` `[m, k]` and signed 8-bit `B`, with 32-bit sums in `C` `[m, n]`.
    ///
    /// `B` is `[k, n]`, or `[n, k]` where `transposeB`. Exact while no sum of `k` products overflows 32 bits.
    public static func multiply(
        _ a: UnsafePointer<UInt8>, _ b: UnsafePointer<Int8>, into c: UnsafeMutablePointer<Int32>,
        m: Int, n: Int, k: Int, transposeB: Bool = false
    ) {
        guard m > 0, n > 0 else { return }
        kk_limit_openmp_threads(1)
        var zero: Int32 = 0
        let status = dnnl_gemm_u8s8s32(
            CChar(78), transposeB ? CChar(84) : CChar(78), CChar(70),  // 'F': one offset for all of C
            dnnl_dim_t(m), dnnl_dim_t(n), dnnl_dim_t(k), 1, a, dnnl_dim_t(k), 0, b,
            dnnl_dim_t(transposeB ? k : n), 0, 0, c, dnnl_dim_t(n), &zero)
        contract(
            status == dnnl_success,
            "oneDNN gemm_u8s8s32 [\(m), \(k)] x [\(k), \(n)]: status \(status.rawValue)")
    }

    /// The version of the library that does the work, for `kukla doctor`.
    public static var backend: String {
        let version = dnnl_version().pointee
        return "oneDNN \(version.major).\(version.minor).\(version.patch)"
    }
}

extension Matrix {
    /// The matrix product `self * other`, or `self * transpose(other)` where `transposed`.
    ///
    /// Complexity: O(rows * columns * other's columns), split by rows over `threads`.
    public func multiplied(
        by other: Matrix, transposed: Bool = false, threads: Int = defaultThreadCount
    ) -> Matrix {
        let inner = transposed ? other.columns : other.rows
        let outer = transposed ? other.rows : other.columns
        contract(
            columns == inner,
            "matrix product: inner dimensions differ: [\(rows), \(columns)] and [\(other.rows), \(other.columns)]\(transposed ? " transposed" : "")"
        )
        return Matrix(rows: rows, columns: outer) { c in
            guard c.count > 0 else { return }
            guard inner > 0 else { return c.update(repeating: 0) }
            nonisolated(unsafe) let c = c.baseAddress!  // every block writes rows of its own
            // Cut for the machine, not for `threads`: oneDNN's kernels for AVX2 round the last rows of a block otherwise.
            let cores = defaultThreadCount
            parallelFor(rows, grain: max(64, (rows + cores - 1) / cores), threads: threads) { block in
                self[rows: block].withUnsafeBufferPointer { a in
                    other.withUnsafeBufferPointer { b in
                        GEMM.multiply(
                            a.baseAddress!, b.baseAddress!, into: c + block.lowerBound * outer,
                            m: block.count, n: outer, k: inner, transposeB: transposed)
                    }
                }
            }
        }
    }
}
