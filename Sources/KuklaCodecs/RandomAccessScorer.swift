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

/// Queries that score codes in rows one by one, whichever they are: a scan asks for all of them in turn.
protocol RowScorer: CodeScorer, RandomAccessScorer {
    /// As `RandomAccessScorer.score(rows:count:of:into:)`, for one of the queries.
    func score(
        _ query: Int, rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>)
}

extension RowScorer {
    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(count, 1)) { rows in
            for i in 0..<count { rows[i] = UInt32(i) }
            for query in 0..<queryCount {
                score(
                    query, rows: rows.baseAddress!, count: count, of: codes, into: scores + query * stride)
            }
        }
    }

    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        score(0, rows: rows, count: count, of: codes, into: scores)
    }
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
