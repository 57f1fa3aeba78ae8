public import KuklaNumerics

extension TextEncoder {
    /// Components of a token's vector.
    public var tokenDimensions: Int { configuration.hiddenSize }

    /// The vectors of single tokens for late interaction: what the last layer gives, divided by its norm. Pooling and
    /// dense layers, which make one vector of a sequence, play no part.
    ///
    /// *Shapes:* as many sets as sequences, in input order, of vectors of `tokenDimensions`.
    /// - Parameters:
    ///   - leading, trailing: tokens at the ends of every sequence that take part in attention and get no vector, such as
    ///     the special ones.
    ///   - others: as in `encode(ids:offsets:layers:threads:progress:)`.
    /// - Throws: as `encode(ids:offsets:layers:threads:progress:)`.
    public func encodeTokens(
        ids: [Int32], offsets: [Int], excludingLeading leading: Int = 0, trailing: Int = 0,
        layers: Int? = nil, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> VectorSets {
        contract(
            leading >= 0 && trailing >= 0, "encodeTokens: \(leading) leading, \(trailing) trailing tokens")
        let tokens = zip(offsets, offsets.dropFirst()).map { start, end in
            let first = min(leading, end - start)
            return first..<max(first, end - start - trailing)
        }
        let starts = tokens.reduce(into: [0]) { $0.append($0.last! + $1.count) }
        let vectors = try Matrix(rows: starts.last!, columns: tokenDimensions) { (out) throws(KuklaError) in
            // Every batch writes rows of its own.
            nonisolated(unsafe) let out = out
            try forEachBatch(
                ids: ids, offsets: offsets, layers: layers, threads: threads, progress: progress
            ) { (pass, sequences) throws(KuklaError) in
                try pass.writeTokens(
                    offsets: offsets, sequences: sequences, tokens: tokens, rows: starts,
                    into: out.baseAddress!)
            }
        }
        return VectorSets(vectors: vectors, offsets: starts)
    }
}
