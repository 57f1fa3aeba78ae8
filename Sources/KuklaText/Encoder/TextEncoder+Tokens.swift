public import KuklaNumerics

extension TextEncoder {
    /// Components of a token's vector.
    public var tokenDimensions: Int { isLateInteraction ? dimensions : stateDimensions }
    /// Components of what the last layer gives for a token.
    public var stateDimensions: Int { configuration.hiddenSize }

    /// The vectors of single tokens for late interaction: what the last layer gives, behind the dense layers of a model that
    /// was made for late interaction, divided by its norm. Pooling and what stands behind it play no part.
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
        try tokens(
            ids, offsets, excluding: (leading, trailing), asStates: false, layers: layers, threads: threads,
            progress: progress)
    }

    /// What the last layer gives for every token, as it is: what a late-interaction head is trained on.
    ///
    /// *Shapes:* as many sets as sequences, in input order, of vectors of `stateDimensions`.
    /// - Parameters, Throws: as `encodeTokens`.
    public func tokenStates(
        ids: [Int32], offsets: [Int], excludingLeading leading: Int = 0, trailing: Int = 0,
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> VectorSets {
        try tokens(
            ids, offsets, excluding: (leading, trailing), asStates: true, layers: nil, threads: threads,
            progress: progress)
    }

    private func tokens(
        _ ids: [Int32], _ offsets: [Int], excluding ends: (leading: Int, trailing: Int), asStates: Bool,
        layers: Int?, threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> VectorSets {
        contract(
            ends.leading >= 0 && ends.trailing >= 0,
            "encodeTokens: \(ends.leading) leading, \(ends.trailing) trailing tokens")
        let tokens = zip(offsets, offsets.dropFirst()).map { start, end in
            let first = min(ends.leading, end - start)
            return first..<max(first, end - start - ends.trailing)
        }
        let starts = tokens.reduce(into: [0]) { $0.append($0.last! + $1.count) }
        let columns = asStates ? stateDimensions : tokenDimensions
        let vectors = try Matrix(rows: starts.last!, columns: columns) { (out) throws(KuklaError) in
            // Every batch writes rows of its own.
            nonisolated(unsafe) let out = out
            try forEachBatch(
                ids: ids, offsets: offsets, layers: layers, threads: threads, progress: progress
            ) { (pass, sequences) throws(KuklaError) in
                try pass.writeTokens(
                    offsets: offsets, sequences: sequences, tokens: tokens, rows: starts, asStates: asStates,
                    into: out.baseAddress!)
            }
        }
        return VectorSets(vectors: vectors, offsets: starts)
    }
}
