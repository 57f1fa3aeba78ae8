import KuklaNumerics
import KuklaObjectives
import KuklaText

/// What the first token's vector tells the decoder, and what the other tokens' logits tell of the words: bars 1 and 2.
struct WhatVectorsTell {
    let bench: StudyBench
    let duplex, words: SmallEncoder
    /// Texts that were not trained on.
    let judged: [String]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let pieces = try TokenBatch.pieces(
            of: judged, tokenizer: duplex.tokenizer, length: DupMAEStudy.tokens, threads: bench.threads)
        let batches = stride(from: 0, to: min(pieces.count, bench.choose(quick: 16, full: 512)), by: 32).map {
            pieces.selecting($0..<min($0 + 32, pieces.count))
        }
        try decoder(batches, &findings)
        bags(batches, &findings)
    }

    private func decoder(_ batches: [TokenBatch], _ findings: inout StudyFindings) throws(KuklaError) {
        let (objective, masking) = (DupMAE(), try WordMasking(duplex.tokenizer))
        var random = RandomSource(seed: 11)
        let vectors: [(String, SentenceVector)] = [
            ("its own", .own), ("zeros", .zero), ("another sentence's", .another),
        ]
        var sums = vectors.map { _ in 0.0 }
        for texts in batches {
            let batch = objective.batch(texts, masking, using: &random)
            for (i, (_, sentence)) in vectors.enumerated() {
                sums[i] +=
                    objective.decoderCrossEntropy(of: batch, duplex.model, sentence: sentence)
                    / Double(batches.count)
            }
        }
        findings.tables.append(
            StudyTable(
                "Cross-entropy of the decoder on texts that were kept out, by the vector that it is given",
                columns: ["vector", "nats a token"],
                rows: zip(vectors, sums).map { [.text($0.0), .number($1, decimals: 3)] }))
        for (i, word) in [(1, "zeros"), (2, "another sentence's vector")] {
            findings.bars.append(
                StudyBar(
                    "1. decoder's cross-entropy with \(word) over that with its own, nats", sums[i] - sums[0],
                    .atLeast, 0.15))
        }
    }

    private func bags(_ batches: [TokenBatch], _ findings: inout StudyFindings) {
        func recall(_ encoder: SmallEncoder) -> Double {
            var (sum, count) = (0.0, 0)
            for texts in batches {
                let heaviest = encoder.model.heaviestWords(of: texts, count: 64)
                for text in 0..<texts.count {
                    let own = Set(texts[text].dropFirst().dropLast())
                    sum += Double(own.intersection(heaviest[text]).count) / Double(own.count)
                    count += 1
                }
            }
            return sum / Double(max(1, count))
        }
        let (with, without) = (recall(duplex), recall(words))
        findings.tables.append(
            StudyTable(
                "Recall of a sentence's own words among the 64 that its tokens speak of most",
                columns: ["pre-training", "recall"],
                rows: [
                    ["DupMAE", .number(with, decimals: 3)],
                    ["hidden words alone", .number(without, decimals: 3)],
                ]))
        findings.bars += [
            StudyBar("2. recall of own words in the top 64, with the bag of words", with, .atLeast, 0.7),
            StudyBar("2. the same with hidden words alone", without, .atMost, 0.3),
        ]
    }
}
