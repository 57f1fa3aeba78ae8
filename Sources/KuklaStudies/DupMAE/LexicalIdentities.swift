import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// What must hold exactly: bar 4.
struct LexicalIdentities {
    let encoder: SmallEncoder
    let judged: [String]

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let texts = encoder.tokenizer.encode(Array(judged.prefix(8)), maxLength: 48)
        let masking = try WordMasking(encoder.tokenizer)
        var random = RandomSource(seed: 3)
        var (own, unseen) = (0, 0)
        for rate in [Float(0), 0.5] {
            let masks = RowMasks(texts, rate: rate, masking, using: &random)
            var (at, query) = (0, 0)
            for text in 0..<texts.count {
                let length = texts[text].count
                for _ in masks.queries[text] {
                    let row = masks.isVisible[at..<at + length]
                    if row[at + Int(masks.places[query])] { own += 1 }
                    if rate == 0 { unseen += row.count { !$0 } - 1 }
                    (at, query) = (at + length, query + 1)
                }
            }
        }
        let vocabulary = encoder.tokenizer.vocabularySize
        let bags = DupMAE.bags(texts, vocabulary: vocabulary).matrix
        let heaviest = (0..<texts.count).map { bags.row($0).reduce(0, +) }.max() ?? .nan
        let logits = encoder.model.bagsOfWords(of: texts)
        let vectors = (0..<texts.count).map { LexicalVector(heaviest: vocabulary, of: logits.row($0)) }
        let none = Matrix(rows: texts.count, columns: 1)
        let hybrid = HybridRepresentation(dense: none, lexical: vectors)
        let (sparse, dense) = (
            hybrid.scores(of: hybrid), logits.multiplied(by: logits, transposed: true, threads: 1)
        )
        let error = zip(sparse.elements, dense.elements).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .nan
        findings.bars += [
            StudyBar("4. rows of the mask that see their own token", Double(own), .atMost, 0),
            StudyBar(
                "4. tokens that a row does not see at a rate of 0, beside its own", Double(unseen), .atMost, 0
            ),
            StudyBar("4. the greatest sum of a bag's weights", Double(heaviest), .atMost, 1 + 1e-6),
            StudyBar(
                "4. all words kept: relative difference from the dense inner product", Double(error), .atMost,
                1e-4),
        ]
    }
}
