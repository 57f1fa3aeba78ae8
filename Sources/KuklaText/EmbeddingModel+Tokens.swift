public import KuklaNumerics

extension EmbeddingModel {
    /// The token vectors of texts, and how many texts were longer than the model reads.
    public struct TokenEmbeddings: Sendable {
        /// A set for each text, in the order of the texts; of unit vectors.
        public let sets: VectorSets
        /// Texts that were cut at the model's limit.
        public let truncatedCount: Int
    }

    /// Embeds every token of `texts`, for late interaction.
    ///
    /// - Parameters:
    ///   - includingSpecialTokens: whether the tokens that the model puts before and after a text ([CLS], [SEP]) get
    ///     vectors too. Without them an empty text has none. Where `nil`: as in ColBERT, if the model was made for late
    ///     interaction (`TextEncoder.isLateInteraction`), else not.
    ///   - layers: how many layers of the encoder to run. All where `nil`.
    /// - Throws: `KuklaError.usage` where the model has fewer layers than asked for.
    public func embedTokens(
        _ texts: [String], includingSpecialTokens: Bool? = nil, layers: Int? = nil,
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> TokenEmbeddings {
        try check(dimensions: nil, layers: layers)
        let tokens = tokenizer.encode(texts, maxLength: encoder.maximumLength, threads: threads)
        let ends =
            includingSpecialTokens ?? encoder.isLateInteraction
            ? (leading: 0, trailing: 0) : tokenizer.specialTokenCounts
        return TokenEmbeddings(
            sets: try encoder.encodeTokens(
                ids: tokens.ids, offsets: tokens.offsets, excludingLeading: ends.leading,
                trailing: ends.trailing, layers: layers, threads: threads, progress: progress),
            truncatedCount: tokens.truncatedCount)
    }
}
