public import Foundation
public import KuklaNumerics

/// A sentence-transformers folder as a function from texts to vectors: tokenizer and encoder together.
public struct EmbeddingModel: Sendable {
    public let tokenizer: WordPieceTokenizer
    public let encoder: TextEncoder
    /// Prompts that the folder knows by name, and how others are made.
    public let prompts: PromptTable

    /// Loads the model in `folder`, or as many of its layers as `layers` says.
    ///
    /// - Throws: `KuklaError` that names the file at fault (see `WordPieceTokenizer` and `TextEncoder`); `badData`
    ///   where the tokenizer has more words than the encoder.
    public init(
        folder: URL, precision: TextEncoder.Precision = .float32, layers: Int? = nil
    ) throws(KuklaError) {
        try self.init(
            folder: folder, encoder: TextEncoder(folder: folder, precision: precision, layers: layers))
    }

    /// The tokenizer in `folder` with an encoder that was made from it.
    init(folder: URL, encoder: TextEncoder) throws(KuklaError) {
        tokenizer = try WordPieceTokenizer(folder: folder)
        self.encoder = encoder
        prompts = try PromptTable(folder: folder)
        guard tokenizer.vocabularySize <= encoder.configuration.vocabulary else {
            throw KuklaError(
                .badData,
                "Cannot load \(folder.path): the tokenizer has \(tokenizer.vocabularySize) words, the model only \(encoder.configuration.vocabulary). Fetch the model folder again."
            )
        }
    }

    /// The vectors of texts, and how many texts were longer than the model reads.
    public struct Embeddings: Sendable {
        /// `[texts, dimensions]`, in the order of the texts.
        public let vectors: Matrix
        /// Texts that were cut at the model's limit.
        public let truncatedCount: Int
    }

    /// Embeds `texts`.
    ///
    /// - Parameters:
    ///   - prompt: what stands before every text, such as `prompts.prompt(for: "a task in words")`. Whether its own tokens are
    ///     pooled with the text's is the model's affair.
    ///   - dimensions: how many leading components to keep; the rows are then normalised again (sensible for models
    ///     trained for it, see Kusupati et al. 2022). All where `nil`.
    ///   - layers: how many layers of the encoder to run. All where `nil`.
    /// - Throws: `KuklaError.usage` where the model has fewer dimensions or layers than asked for, or the prompt leaves no room for
    ///   texts.
    public func embed(
        _ texts: [String], prompt: String = "", dimensions: Int? = nil, layers: Int? = nil,
        threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Embeddings {
        try check(dimensions: dimensions, layers: layers)
        try tokenizer.check(prompt: prompt, maximumLength: encoder.maximumLength)
        let tokens = tokenizer.encode(
            texts, prompts: [String](repeating: prompt, count: texts.count), maxLength: encoder.maximumLength,
            threads: threads)
        let vectors = try encoder.encode(
            ids: tokens.ids, offsets: tokens.offsets, promptLengths: tokens.promptLengths, layers: layers,
            threads: threads, progress: progress)
        return Embeddings(
            vectors: dimensions.map { vectors.leadingComponents($0) } ?? vectors,
            truncatedCount: tokens.truncatedCount)
    }

    /// Throws unless the model has that many dimensions and layers.
    public func check(dimensions: Int?, layers: Int? = nil) throws(KuklaError) {
        try encoder.configuration.check(dimensions: dimensions, layers: layers)
    }
}

extension Matrix {
    /// The first `count` components of every row, divided by their norm; rows of norm zero stay zero.
    package func leadingComponents(_ count: Int) -> Matrix {
        Matrix(rows: rows, columns: count) { out in
            withUnsafeBufferPointer { all in
                for row in 0..<rows {
                    var sum: Float = 0
                    for i in 0..<count { sum += all[row * columns + i] * all[row * columns + i] }
                    let scale = sum > 0 ? 1 / sum.squareRoot() : 0
                    for i in 0..<count { out[row * count + i] = all[row * columns + i] * scale }
                }
            }
        }
    }
}
