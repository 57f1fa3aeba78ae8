import CKernels
public import KuklaNumerics

/// Exact late interaction of sets of vectors: how well every vector of a query is matched by some vector of a document.
///
/// `score(Q, D) = sum over q in Q of max over x in D of q . x`, also called MaxSim, or Chamfer similarity. It is not
/// symmetric, and larger for queries of more vectors. A document without vectors scores minus infinity.
///
/// *Source:* Khattab and Zaharia 2020, "ColBERT", doi:10.1145/3397271.3401075.
public enum MaxSim {
    /// The scores of every query with every document, `[queries.count, documents.count]`.
    ///
    /// The result does not depend on `threads`, nor on what else is scored together.
    /// - Precondition: queries and documents have the same dimensions.
    /// - Complexity: O(query vectors * document vectors * dimensions) time, no memory but the result and a copy of the
    ///   queries.
    public static func scores(
        _ queries: VectorSets, _ documents: VectorSets, threads: Int = defaultThreadCount
    ) -> Matrix {
        scores(queries, documents, threads: threads, level: .current)
    }

    /// As `scores(_:_:threads:)`, with the kernels of `level`.
    package static func scores(
        _ queries: VectorSets, _ documents: VectorSets, threads: Int, level: CPULevel
    ) -> Matrix {
        let scorer = MaxSimScorer(queries, dimensions: documents.dimensions, level: level)
        return documents.vectors.withUnsafeBufferPointer {
            scorer.scores($0, offsets: documents.offsets, threads: threads)
        }
    }
}

/// Queries packed for the kernel. Safe to use from several threads at once.
struct MaxSimScorer: Sendable {
    private let dimensions: Int
    private let sizes: [Int]
    /// Where each query begins in `panels`.
    private let starts: [Int]
    private let panels: AlignedStorage<Float>
    private let kernel: kk_maxsim_f32

    init(_ queries: VectorSets, dimensions: Int, level: CPULevel = .current) {
        contract(
            queries.dimensions == dimensions,
            "MaxSim: queries of \(queries.dimensions) dimensions, documents of \(dimensions)")
        let lanes = Int(KK_PANEL_COLUMNS)
        let sizes = (0..<queries.count).map { queries.rows(of: $0).count }
        let starts = sizes.reduce(into: [0]) {
            $0.append($0.last! + ($1 + lanes - 1) / lanes * lanes * dimensions)
        }
        let panels = AlignedStorage<Float>(uninitialized: starts.last!)
        queries.vectors.withUnsafeBufferPointer { vectors in
            for (query, size) in sizes.enumerated() where size > 0 && dimensions > 0 {
                kk_pack_transposed_f32(
                    vectors.baseAddress! + queries.offsets[query] * dimensions, dimensions, size, dimensions,
                    panels.pointer + starts[query])
            }
        }
        self.panels = panels
        self.dimensions = dimensions
        self.sizes = sizes
        self.starts = starts
        kernel = kk_maxsim_kernels_for(level.kernelLevel).pointee.maxsim_f32
    }

    /// The score of `query` with the document in these rows of `vectors`.
    func score(query: Int, _ vectors: UnsafeBufferPointer<Float>, rows: Range<Int>) -> Float {
        guard !rows.isEmpty else { return sizes[query] > 0 ? -.infinity : 0 }
        return kernel(
            panels.pointer + starts[query], sizes[query],
            vectors.baseAddress! + rows.lowerBound * dimensions, rows.count, dimensions)
    }

    /// The scores of all queries with all documents, `[queries, documents]`.
    func scores(_ vectors: UnsafeBufferPointer<Float>, offsets: [Int], threads: Int) -> Matrix {
        let count = offsets.count - 1
        return Matrix(rows: sizes.count, columns: count) { out in
            guard !out.isEmpty else { return }
            // Every block writes columns of its own.
            nonisolated(unsafe) let (base, vectors) = (out.baseAddress!, vectors)
            parallelFor(count, grain: 16, threads: threads) { block in
                // All queries look at a document while it lies in the first cache.
                for document in block {
                    for query in sizes.indices {
                        base[query * count + document] = score(
                            query: query, vectors, rows: offsets[document]..<offsets[document + 1])
                    }
                }
            }
        }
    }
}
