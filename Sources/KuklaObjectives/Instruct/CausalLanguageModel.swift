import Foundation
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// A small language model in a text encoder's clothes: each token of a text is guessed from those before it.
///
/// The model is a BERT stack with a causal mask whose head is its word table (`TextEncoderModule.wordScores`); what comes of it is a
/// folder with `"is_decoder": true`, which is what instructions are trained on top of (`InstructTraining`).
/// *Source:* Radford et al. 2018, "Improving language understanding by generative pre-training"; the tied head is Press and Wolf 2017,
/// arXiv:1608.05859.
public struct CausalLanguageModel: TrainingTask {
    public let model: TextEncoderModule
    let texts: TokenBatch
    let heldOut: TokenBatch

    /// - Parameter heldOut: texts to judge by.
    /// - Throws: `KuklaError.usage` where the model's mask is not causal, or no text has two tokens.
    public init(model: TextEncoderModule, texts: TokenBatch, heldOut: TokenBatch) throws(KuklaError) {
        guard model.mask == .causal else {
            throw KuklaError(
                .usage,
                "Cannot train a language model whose tokens see those after them: expected a causal mask.")
        }
        guard (0..<texts.count).contains(where: { texts[$0].count > 1 }) else {
            throw KuklaError(.usage, "Cannot train a language model: no text has two tokens.")
        }
        self.model = model
        self.texts = texts
        self.heldOut = heldOut
    }

    public var exampleCount: Int { texts.count }
    public var goal: MetricGoal? { heldOut.count == 0 ? nil : MetricGoal("perplexity", .min) }

    public func makeBatch(_ indices: [Int], random: inout RandomSource) -> TokenBatch {
        texts.selecting(indices)
    }

    public func step(on batch: TokenBatch, mode: ForwardMode) -> TrainingStep {
        TrainingStep("next_token", loss(batch, mode).mean)
    }

    public func evaluate() throws(KuklaError) -> [String: Double] {
        guard heldOut.count > 0 else { return [:] }
        var (sum, tokens) = (0.0, 0)
        for start in stride(from: 0, to: heldOut.count, by: 32) {
            let batch = heldOut.selecting(start..<min(start + 32, heldOut.count))
            let found = withoutGradient { loss(batch, .inference) }
            sum += Double(found.mean.item) * Double(found.count)
            tokens += found.count
        }
        return ["perplexity": exp(sum / Double(max(tokens, 1)))]
    }

    /// The mean over all tokens but the first of each text, and how many these are.
    private func loss(_ batch: TokenBatch, _ mode: ForwardMode) -> (mean: Tensor, count: Int) {
        let states = model.tokenVectors(batch, mode: mode)
        // The last token of a text has no next one.
        let rows = (0..<batch.count).flatMap { text in
            (batch.offsets[text]..<max(batch.offsets[text], batch.offsets[text + 1] - 1)).map { Int32($0) }
        }
        let targets = rows.map { batch.ids[Int($0) + 1] }
        let scores = model.wordScores(states.gathered(rows: rows))
        return (scores.crossEntropy(targets: targets), rows.count)
    }
}
