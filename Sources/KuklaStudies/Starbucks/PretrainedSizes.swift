import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Whether masked auto-encoding at several sizes prepares a model for them better than hidden words alone: bar 3 of Starbucks.
///
/// Two BERTs from scratch on WikiText-2, then the same Starbucks fine-tuning of both on STS-B; and what each knows of held-out text at
/// each size before that.
struct PretrainedSizes {
    let bench: StudyBench

    static let sizes = [(1, 24), (2, 48), (3, 96), (4, 192)].map {
        ModelSize(layers: $0.0, dimensions: $0.1)
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let scratch = FileManager.default.temporaryDirectory.appending(
            path: "kukla-sizes-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        do { try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(scratch.path).", cause: error)
        }
        let texts = try bench.wikiText(limit: bench.choose(quick: 60, full: .max))
        let judged = texts.indices.filter { $0 % 20 == 7 }.map { texts[$0] }
        let corpus = texts.indices.filter { $0 % 20 != 7 }.map { texts[$0] }
        func encoder(_ method: PretrainingOptions.Method) throws(KuklaError) -> SmallEncoder {
            var recipe = SmallEncoder.recipe(
                method, steps: bench.choose(quick: 4, full: 1_000), batch: bench.choose(quick: 4, full: 24),
                tokens: 64, vocabulary: bench.choose(quick: 1000, full: 4000), seed: 1)
            recipe.options.encoderMask = 0.2
            if method == .smae { recipe.options.sizes = Self.sizes.map(\.description) }
            return try SmallEncoder(of: corpus, recipe, on: bench, scratch: scratch)
        }
        let (several, words) = (try encoder(.smae), try encoder(.mlm))
        try heldOut(several, words, judged, &findings)
        try TunedSizes(bench: bench, scratch: scratch).add(several, words, to: &findings)
        findings.notes.append(
            "Bar 3: BERTs of 4 layers and width 192, from random layers over words that begin as principal components of MiniLM's, on WikiText-2's validation and test articles (the training part is not in the collection), the same steps for both: masked auto-encoding \(Int(several.seconds)) s, hidden words \(Int(words.seconds)) s; then Starbucks on STS-B's training pairs, two passes at 2e-4, measured on its test pairs. Nothing was chosen by what is measured."
        )
    }

    /// Cross-entropies of hidden words at each size, and of the decoder's with and without the sentence's vector.
    private func heldOut(
        _ several: SmallEncoder, _ words: SmallEncoder, _ judged: [String], _ findings: inout StudyFindings
    ) throws(KuklaError) {
        let objective = StarbucksMAE(sizes: Self.sizes)
        let masking = try WordMasking(several.tokenizer)
        let pieces = try TokenBatch.pieces(
            of: judged, tokenizer: several.tokenizer, length: 64, threads: bench.threads)
        let starts = stride(from: 0, to: min(pieces.count, bench.choose(quick: 16, full: 384)), by: 32)
        var random = RandomSource(seed: 13)
        var sums = Self.sizes.map { _ in [0.0, 0.0, 0.0, 0.0] }
        for start in starts {
            let batch = objective.batch(
                pieces.selecting(start..<min(start + 32, pieces.count)), masking, using: &random)
            let own = objective.crossEntropies(of: batch, several.model)
            let zero = objective.crossEntropies(of: batch, several.model, sentence: .zero)
            let plain = objective.crossEntropies(of: batch, words.model)
            for i in Self.sizes.indices {
                let figures = [own[i].encoder, plain[i].encoder, own[i].decoder, zero[i].decoder]
                for (j, figure) in figures.enumerated() {
                    sums[i][j] += figure / Double(Array(starts).count)
                }
            }
        }
        findings.tables.append(
            StudyTable(
                "Cross-entropy of hidden words on WikiText-2 that was kept out, nats",
                columns: [
                    "size", "SMAE", "hidden words alone, same head", "SMAE's decoder",
                    "the same, vector zeroed",
                ],
                rows: zip(Self.sizes, sums).map { size, row in
                    [.text(size.description)] + row.map { .number($0, decimals: 3) }
                }))
        for (size, row) in zip(Self.sizes, sums) {
            findings.bars.append(
                StudyBar(
                    "3a. \(size): cross-entropy of hidden words alone over SMAE's, nats", row[1] - row[0],
                    .atLeast, 0.3))
        }
        let least = sums.map { $0[3] - $0[2] }.min() ?? .nan
        findings.bars.append(
            StudyBar(
                "3b. what zeroing the sentence's vector adds to the decoder's cross-entropy, least of the sizes, nats",
                least, .atLeast, 0.05))
    }
}
