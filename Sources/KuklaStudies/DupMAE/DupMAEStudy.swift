import Foundation
import KuklaEvaluation
import KuklaNN
public import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Whether rebuilding a sentence from its vector, and telling its bag of words, makes an encoder that finds more after the same
/// fine-tuning.
public struct DupMAEStudy: Study {
    public let name = "dupmae"
    public let title = "Pre-training for retrieval: rebuild the sentence, tell its words"
    public let paper =
        "Xiao and Liu 2022, \"RetroMAE v2: Duplex Masked Auto-Encoder for Pre-Training Retrieval-Oriented Language Models\", arXiv:2211.08769."
    public let claim =
        "Two cheap decoders, one that rebuilds the sentence from its first token's vector and one that reads its bag of words from the others, make a better start for retrieval than hidden words alone: BEIR nDCG@10 0.371 of BERT, 0.491 of DupMAE; and both vectors together, cut to the same length, find more than one."
    public let data = ["scifact", "cranfield", "wikitext2_valid_test"]

    /// Components of the hybrid's dense part, and words that it keeps: together as many as the encoder is wide.
    static let denseDimensions = 96
    static let lexicalCount = 96

    /// Tokens that are read of a text: a title and two sentences.
    static let tokens = 64

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        let scratch = FileManager.default.temporaryDirectory.appending(
            path: "kukla-dupmae-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        do { try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(scratch.path).", cause: error)
        }
        var texts = try bench.sciFact().documents.prefix(bench.choose(quick: 40, full: .max)).map(\.text)
        if bench.scale == .full {
            texts += try bench.cranfield().documents.map(\.text) + bench.wikiText()
        }
        // Every twentieth text is judged by, and never trained on.
        let judged = texts.indices.filter { $0 % 20 == 7 }.prefix(200).map { texts[$0] }
        let kept = Set(judged)
        let corpus = texts.filter { !kept.contains($0) }
        func encoder(_ method: PretrainingOptions.Method) throws(KuklaError) -> SmallEncoder {
            try SmallEncoder(
                of: corpus, Self.recipe(method, bench), on: bench, scratch: scratch)
        }
        let (duplex, words) = (try encoder(.dupmae), try encoder(.mlm))
        var findings = StudyFindings()
        try WhatVectorsTell(bench: bench, duplex: duplex, words: words, judged: judged).add(to: &findings)
        try FineTunedRetrieval(bench: bench, duplex: duplex, words: words, scratch: scratch)
            .add(to: &findings)
        try LexicalIdentities(encoder: duplex, judged: judged).add(to: &findings)
        let recipe = Self.recipe(.dupmae, bench)
        findings.notes += [
            "BERTs of 4 layers, width 192 and \(duplex.tokenizer.vocabularySize) words (those of MiniLM's tokenizer that the corpus has most of), from random layers, the words beginning as principal components of MiniLM's, \(recipe.training.batchSize) pieces of up to \(Self.tokens) tokens a step, the same steps and order for both: DupMAE \(Int(duplex.seconds)) s, hidden words \(Int(words.seconds)) s. Corpus: abstracts of SciFact and Cranfield and WikiText-2's validation and test articles, \(corpus.count) texts; judgements are not seen. One pre-training for each; the seeds are those of fine-tuning.",
            "The decoder rebuilds a drawn half of the tokens in each step, an estimate of all. The bag of words weighs 1, as the paper's abstract adds its losses up (0.1 in the released code). Bars 1 and 2 are measured on pieces of texts that were kept out; of a document or a claim, too, no more than \(Self.tokens) tokens are read, where BM25 and MiniLM read all or 256.",
            "Both parts of a hybrid are scaled to length 1 and added, where the paper adds plain inner products. Rates, epochs and temperature were set once, by nothing measured here.",
            "Bar 2 asks that hidden words alone recall few of a sentence's words. Here they recall most: one table of words, which begins as principal components of MiniLM's, both embeds a word and tells it, so that a visible token's state speaks of its own word before anything is learned.",
        ]
        return findings
    }

    private static func recipe(
        _ method: PretrainingOptions.Method, _ bench: StudyBench
    ) -> Recipe<PretrainingOptions> {
        var recipe = SmallEncoder.recipe(
            method, steps: bench.choose(quick: 4, full: 600), batch: bench.choose(quick: 4, full: 24),
            tokens: tokens, vocabulary: bench.choose(quick: 1000, full: 6000), seed: 1)
        recipe.options.decoderShare = 0.5
        recipe.options.bowWeight = 1
        // The same words are hidden from both encoders.
        recipe.options.encoderMask = 0.3
        return recipe
    }
}
