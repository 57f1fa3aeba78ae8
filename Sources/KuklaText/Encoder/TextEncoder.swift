import CKernels
public import Foundation
public import KuklaNumerics

/// A BERT-family sentence encoder on the CPU, loaded from a sentence-transformers folder as it is.
///
/// Token sequences of any length are computed without padding: they are packed one behind the other into
/// batches, every linear layer is one product over all tokens of a batch, and attention runs sequence by
/// sequence. A text's vector is the same bits whatever the other texts, their order and the thread count are.
///
/// *Source:* Devlin et al. 2019, "BERT", doi:10.18653/v1/N19-1423; Reimers and Gurevych 2019,
/// "Sentence-BERT", doi:10.18653/v1/D19-1410.
public struct TextEncoder: Sendable {
    /// The arithmetic of the linear layers; everything else is float32 in both cases.
    public enum Precision: String, Sendable, CaseIterable {
        /// float32 throughout: within 1e-4 of sentence-transformers in every component.
        case float32
        /// 8-bit weights (one scale for each output) and 8-bit activations (one scale for each token).
        case int8
    }

    public let precision: Precision
    let configuration: EncoderConfiguration
    let weights: EncoderWeights
    let level: CPULevel

    /// Loads the model in `folder`.
    ///
    /// float32 word embeddings stay in the memory-mapped file, which must not be cut while the encoder lives.
    ///
    /// - Parameter layers: how many layers to load, from the first: the encoder then has no more. All where `nil`.
    /// - Throws: `KuklaError`: `missingFile`; `badData` for damaged files and for tensors that are missing or
    ///   of another shape than `config.json` says; `unsupported` for other architectures and modules; `usage` where the
    ///   model has fewer layers.
    public init(folder: URL, precision: Precision = .float32, layers: Int? = nil) throws(KuklaError) {
        try self.init(folder: folder, precision: precision, layers: layers, level: .current, changes: [:])
    }

    /// As `init(folder:precision:layers:)`, with the kernels of `level`, and with `changes` added to the weights of the
    /// linear layers of these paths.
    package init(
        folder: URL, precision: Precision, layers: Int? = nil, level: CPULevel = .current,
        changes: [String: [Float]] = [:]
    ) throws(KuklaError) {
        var configuration = try EncoderConfiguration(folder: folder)
        try configuration.check(layers: layers)
        configuration.layers = layers ?? configuration.layers
        self.configuration = configuration
        weights = try EncoderWeights(
            folder: folder, configuration: configuration, precision: precision, changes: changes)
        self.precision = precision
        self.level = level
    }

    /// Components of an embedding, or of a token's vector where the model gives only these.
    public var dimensions: Int { configuration.dimensions }
    /// Whether the model gives a vector for every token (ColBERT) and none for a text.
    public var isLateInteraction: Bool { configuration.isLateInteraction }
    /// The longest sequence, in tokens with the special ones, that the model was made for.
    public var maximumLength: Int { configuration.maximumLength }
    /// The number of transformer layers.
    public var layerCount: Int { configuration.layers }
    /// How the tokens' vectors become one of the text, in words that servers of models use: `cls`, `last_token`, `max`, `mean`,
    /// `mean_sqrt_len`, several with `+` between them where they stand side by side; `none` where every token keeps its vector.
    public var pooling: String {
        let names = configuration.pooling.map { mode in
            switch mode {
            case .firstToken: "cls"
            case .lastToken: "last_token"
            case .maximum: "max"
            case .mean: "mean"
            case .meanRootLength: "mean_sqrt_len"
            }
        }
        return names.isEmpty ? "none" : names.joined(separator: "+")
    }

    /// Embeds token sequences: row `i` of the result belongs to `ids[offsets[i]..<offsets[i + 1]]`.
    ///
    /// *Shapes:* `n = offsets.count - 1` sequences, result `[n, dimensions]`, in input order; rows have length
    /// 1 where the model normalises.
    ///
    /// - Parameters:
    ///   - ids: token ids with the special tokens of the model, one sequence behind the other.
    ///   - offsets: where each sequence begins, and the end: starts with 0, never falls, ends with `ids.count`.
    ///   - promptLengths: how many leading tokens of each sequence are a prompt's, fewer than all; empty for none. A model decides
    ///     whether these are pooled.
    ///   - layers: how many layers to run, from the first; all where `nil`. Fewer is faster and less exact.
    ///   - threads: at most this many batches are computed at the same time.
    /// - Throws: `KuklaError` (`badData`) for an empty or too long sequence, an id outside the vocabulary, or
    ///   a result that is not finite (damaged weights); `unsupported` where the model is one for late interaction.
    /// - Complexity: O(tokens * parameters + the sum of squared lengths * hidden size).
    public func encode(
        ids: [Int32], offsets: [Int], promptLengths: [Int] = [], layers: Int? = nil,
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Matrix {
        contract(
            promptLengths.isEmpty
                || promptLengths.count == offsets.count - 1
                    && promptLengths.indices.allSatisfy { promptLengths[$0] < offsets[$0 + 1] - offsets[$0] },
            "encode: prompts longer than their sequences, or of another number than these")
        guard !isLateInteraction else {
            throw KuklaError(
                .unsupported,
                "Cannot make one vector of a text: the model gives a vector for every token. Embed with --multi-vector."
            )
        }
        let dimensions = dimensions
        return try Matrix(rows: max(offsets.count - 1, 0), columns: dimensions) { (out) throws(KuklaError) in
            // Every batch writes rows of its own.
            nonisolated(unsafe) let rows = out
            try forEachBatch(
                ids: ids, offsets: offsets, layers: layers, threads: threads, progress: progress
            ) { (pass, sequences) throws(KuklaError) in
                try pass.pool(
                    offsets: offsets, sequences: sequences, promptLengths: promptLengths,
                    into: rows.baseAddress!)
            }
        }
    }

    /// Runs all sequences through the layers and gives each batch of them to `body`, with the pass that holds their
    /// tokens' vectors.
    func forEachBatch(
        ids: [Int32], offsets: [Int], layers: Int?, threads: Int, progress: any ProgressReporter,
        _ body: @Sendable (EncoderPass, ArraySlice<Int>) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        contract(
            offsets.first == 0 && offsets.last == ids.count,
            "encode: offsets begin with \(offsets.first ?? -1) and end with \(offsets.last ?? -1) for \(ids.count) ids"
        )
        contract(
            layers.map { (1...layerCount).contains($0) } ?? true,
            "encode: \(layers ?? 0) layers of a model with \(layerCount)")
        let lengths = zip(offsets.dropFirst(), offsets).map { $0 - $1 }
        try check(ids: ids, lengths: lengths)
        let plan = BatchPlan(lengths: lengths, threads: threads)
        let pool = ScratchPool { [configuration, precision] in
            EncoderScratch(
                configuration, tokens: plan.mostTokens, longest: plan.longest, precision: precision)
        }
        progress.begin("Embedding", total: lengths.count, unit: "texts")
        defer { progress.end() }
        try parallelFor(plan.batches.count, grain: 1, threads: threads) { (range) throws(KuklaError) in
            for batch in plan.batches[range] {
                let sequences = plan.order[batch]
                try pool.borrow { (scratch) throws(KuklaError) in
                    let pass = EncoderPass(
                        configuration: configuration, weights: weights,
                        kernels: kk_transformer_kernels_for(level.kernelLevel), scratch: scratch)
                    pass.run(ids: ids, offsets: offsets, sequences: sequences, layers: layers ?? layerCount)
                    try body(pass, sequences)
                }
                progress.advance(by: sequences.count)
            }
        }
    }

    private func check(ids: [Int32], lengths: [Int]) throws(KuklaError) {
        for (index, length) in lengths.enumerated() {
            contract(length >= 0, "encode: offsets fall at sequence \(index)")
            guard length > 0, length <= configuration.positions else {
                throw KuklaError(
                    .badData,
                    "Cannot encode sequence \(index): it has \(length) tokens, expected 1 to \(configuration.positions). Truncate texts to \(maximumLength) tokens."
                )
            }
        }
        if let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= configuration.vocabulary }) {
            throw KuklaError(
                .badData,
                "Cannot encode: token \(index) has the id \(ids[index]), expected 0 to \(configuration.vocabulary - 1). Does the tokenizer belong to this model?"
            )
        }
    }
}

/// Which sequences are computed together: sorted by length, cut where a batch's activations would leave the caches.
struct BatchPlan: Sendable {
    /// Tokens in a batch. Between 56 and 896 the speed differs by less than the measurement's noise (Zen 4,
    /// 2 cores): a small one keeps the scratch memory small and still reads each layer's weights once for 12
    /// tiles of 14 rows.
    static let tokenBudget = 168

    let order: [Int]
    let batches: [Range<Int>]
    let mostTokens: Int
    let longest: Int

    init(lengths: [Int], threads: Int) {
        let order = lengths.indices.sorted { (lengths[$0], $1) > (lengths[$1], $0) }
        let total = lengths.reduce(0, +)
        // Little work is still shared out evenly.
        let budget = min(Self.tokenBudget, max(32, (total + threads - 1) / threads))
        var batches: [Range<Int>] = []
        var start = 0
        var tokens = 0
        var most = 0
        for (position, index) in order.enumerated() {
            if tokens > 0, tokens + lengths[index] > budget {
                batches.append(start..<position)
                start = position
                tokens = 0
            }
            tokens += lengths[index]
            most = max(most, tokens)
        }
        if start < order.count { batches.append(start..<order.count) }
        self.order = order
        self.batches = batches
        mostTokens = most
        longest = lengths.max() ?? 0
    }
}
