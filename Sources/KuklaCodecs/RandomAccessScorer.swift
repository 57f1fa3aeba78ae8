public import KuklaNumerics

/// One query made ready to be scored against codes that are picked out one by one: what a walk over a graph asks
/// for. Safe to use from several threads at once.
public protocol RandomAccessScorer: Sendable {
    /// `scores[i]` = the score of the code in row `rows[i]` of `codes`, as the codec's `CodeScorer` gives it up to
    /// rounding.
    ///
    /// - Precondition: every row lies inside `codes`, which has one vector a block.
    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>)
}

extension VectorCodec {
    public var scoresGroups: Bool { false }

    public var rowwise: (any VectorCodec)? { layout.vectorsPerBlock == 1 ? self : nil }

    public func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer {
        checkRandomAccess(query)
        return RowByRowScorer(scorer: scorer(for: query), bytesPerRow: layout.bytesPerBlock)
    }

    /// Stops the program where codes cannot be picked out, or `query` is not one query of these dimensions.
    package func checkRandomAccess(_ query: Matrix) {
        checkQueries(query)
        contract(query.rows == 1, "random access scorer: \(query.rows) queries")
        contract(
            layout.vectorsPerBlock == 1, "random access scorer: \(layout.vectorsPerBlock) vectors a block")
    }
}

/// Scores every row by a scan of that row alone: for codecs without kernels of their own for this.
private struct RowByRowScorer: RandomAccessScorer {
    let scorer: any CodeScorer
    let bytesPerRow: Int

    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        for i in 0..<count {
            scorer.score(codes + Int(rows[i]) * bytesPerRow, count: 1, into: scores + i, stride: 1)
        }
    }
}
