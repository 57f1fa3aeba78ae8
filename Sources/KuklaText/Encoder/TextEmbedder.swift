public import Foundation
public import KuklaNumerics

/// Texts to vectors: the tokenizer and the encoder of one model folder.
public struct TextEmbedder: Sendable {
    public let tokenizer: WordPieceTokenizer
    public let encoder: TextEncoder

    /// Loads the model in `folder`.
    ///
    /// - Throws: `KuklaError`, as the tokenizer and the encoder do; `badData` where the tokenizer has more words
    ///   than the encoder.
    public init(folder: URL, precision: TextEncoder.Precision = .float32) throws(KuklaError) {
        tokenizer = try WordPieceTokenizer(folder: folder)
        encoder = try TextEncoder(folder: folder, precision: precision)
        guard tokenizer.vocabularySize <= encoder.configuration.vocabulary else {
            throw KuklaError(
                .badData,
                "Cannot load \(folder.path): the tokenizer has \(tokenizer.vocabularySize) words, the model only \(encoder.configuration.vocabulary). Fetch the model folder again."
            )
        }
    }

    /// Components of an embedding.
    public var dimensions: Int { encoder.dimensions }

    /// Embeds `texts`; row `i` of the result, `[texts.count, dimensions]`, belongs to text `i`.
    ///
    /// Texts beyond `encoder.maximumLength` tokens are cut there, as sentence-transformers does.
    ///
    /// - Parameter layers: how many layers to run, from the first; all where `nil`.
    /// - Throws: `KuklaError(.badData)` where a vector is not finite (damaged weights).
    public func embed(
        _ texts: [String], layers: Int? = nil, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Matrix {
        let tokens = tokenizer.encode(texts, maxLength: encoder.maximumLength, threads: threads)
        return try encoder.encode(
            ids: tokens.ids, offsets: tokens.offsets, layers: layers, threads: threads, progress: progress)
    }
}
