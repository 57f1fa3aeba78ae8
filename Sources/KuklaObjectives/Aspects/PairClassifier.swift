public import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
import KuklaText

/// A cross-encoder: reads two texts as one sequence, and says how likely they are alike.
///
/// The baseline that vector spaces are held against: one pass of the encoder for each pair, where a space needs one for each text.
/// *Source:* Ostendorff et al. 2020, "Pairwise multi-class document classification for semantic relations between Wikipedia
/// articles", doi:10.1145/3383583.3398525.
public struct PairClassifier: Module {
    let encoder: TextEncoderModule
    let head: Linear
    let tokenizer: WordPieceTokenizer
    /// Tokens that are read of each of the two texts.
    let maximumTokens: Int

    /// - Parameters:
    ///   - folder: a sentence-transformers folder, whose pooled vector the head reads.
    ///   - maximumTokens: tokens that are read of each text; twice as many fit the model.
    /// - Throws: as `TextEncoderModule`; `usage` where the model reads fewer.
    public init(folder: URL, maximumTokens: Int, seed: UInt64) throws(KuklaError) {
        encoder = try TextEncoderModule(folder: folder)
        tokenizer = try WordPieceTokenizer(folder: folder)
        self.maximumTokens = try FineTuningOptions.length(2 * maximumTokens, of: encoder.maximumLength) / 2
        var random = RandomSource(seed: seed)
        head = Linear(encoder.dimensions, 1, using: &random)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("encoder", encoder)
        visitor.visit("head", head)
    }

    /// The pairs' tokens: the second text follows the first without another [CLS].
    func tokens(_ pairs: [(String, String)], threads: Int = defaultThreadCount) -> TokenBatch {
        let first = tokenizer.encode(pairs.map(\.0), maxLength: maximumTokens, threads: threads)
        let second = tokenizer.encode(pairs.map(\.1), maxLength: maximumTokens, threads: threads)
        return first.followed(by: second, droppingFirst: tokenizer.specialTokenCounts.leading)
    }

    /// `[pairs]`.
    func logits(_ tokens: TokenBatch, mode: ForwardMode) -> Tensor {
        let pooled = encoder.embeddings(tokens, after: [encoder.layerCount], mode: mode)[0]
        return head(pooled).reshaped([tokens.count])
    }

    /// The logit of being alike for each pair.
    public func scores(_ pairs: [(String, String)]) -> [Float] {
        guard !pairs.isEmpty else { return [] }
        let found = withoutGradient { logits(tokens(pairs), mode: .inference) }
        return found.withUnsafeBufferPointer { Array($0) }
    }
}

/// Training of a `PairClassifier` on pairs that are alike or not: binary cross-entropy.
public struct PairTask: TrainingTask {
    public struct Batch: Sendable {
        let tokens: TokenBatch
        let targets: [Float]
    }

    public let model: PairClassifier
    private let tokens: TokenBatch
    private let targets: [Float]

    /// - Parameter targets: 1 for a pair that is alike, 0 for another.
    public init(model: PairClassifier, pairs: [(String, String)], targets: [Float]) {
        contract(pairs.count == targets.count, "PairTask: \(targets.count) targets for \(pairs.count) pairs")
        self.model = model
        tokens = model.tokens(pairs)
        self.targets = targets
    }

    public var exampleCount: Int { targets.count }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        Batch(tokens: tokens.selecting(indices), targets: indices.map { targets[$0] })
    }

    public func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        TrainingStep(
            "pairs", model.logits(batch.tokens, mode: mode).binaryCrossEntropy(targets: Tensor(batch.targets))
        )
    }
}
