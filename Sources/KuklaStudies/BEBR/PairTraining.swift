import Foundation
import KuklaCodecs
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor

/// Codes of 768 and 384 bits before and after training on pairs, beside float vectors with a head that was trained alike.
struct PairTraining {
    let bench: StudyBench
    let sciFact: VectorCorpus
    /// Corpora without pairs.
    let others: [VectorCorpus]
    let pairs: TextPairs

    private struct Run {
        var recall: [Double] = []
        var ndcg: [Double] = []
        var floatRecall: [Double] = []
        var floatNDCG: [Double] = []

        mutating func add(_ codec: RecurrentBinaryCodec, _ corpus: VectorCorpus) throws(KuklaError) {
            let (coded, floats) = (
                try corpus.figures(codec), try corpus.figures(codec, floatQueries: true)
            )
            recall.append(coded.recall)
            ndcg.append(coded.ndcg)
            floatRecall.append(floats.recall)
            floatNDCG.append(floats.ndcg)
        }

        func row(_ corpus: String, _ name: String) -> [StudyTable.Cell] {
            [.text(corpus), .text(name)]
                + [recall, ndcg, floatRecall, floatNDCG].map { .number(Spread($0).mean, decimals: 4) }
        }
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var table = StudyTable(
            "Recall@10 of the exact nearest and nDCG@10 at 768 and 384 bits, mean of \(bench.seeds.count) seeds",
            columns: [
                "corpus", "codes", "recall", "nDCG", "recall, float queries", "nDCG, float queries",
            ])
        table.rows.append([
            .text(sciFact.name), "float vectors", .number(1, decimals: 4),
            .number(sciFact.floats.ndcg, decimals: 4), .number(1, decimals: 4),
            .number(sciFact.floats.ndcg, decimals: 4),
        ])
        let codes = ["RBE768", "RBE384x2", "RBE384"]
        var before: [String: Run] = [:]
        var after: [String: Run] = [:]
        bench.progress.begin("Training on pairs", total: codes.count * bench.seeds.count, unit: "codecs")
        let examples = try BinaryTraining.Examples(vectors: pairs.questions, partners: pairs.answers)
        var heads: [Double] = []
        for seed in bench.seeds {
            for code in codes {
                let trained = try CodeTraining(bench: bench)(examples, code, seed: seed, batchSize: 128)
                try before[code, default: Run()].add(trained.initial, sciFact)
                try after[code, default: Run()].add(trained.trained, sciFact)
                bench.progress.advance(by: 1)
            }
            heads.append(try ceiling(CodeTraining(bench: bench).floatHead(pairs, seed: seed)))
        }
        bench.progress.end()
        for code in codes {
            table.rows.append(before[code]!.row(sciFact.name, "\(code), rotations"))
            table.rows.append(after[code]!.row(sciFact.name, "\(code), trained on pairs"))
        }
        let none = StudyTable.Cell.number(.nan, decimals: 4)
        table.rows.append([
            .text(sciFact.name), "float head trained on pairs", none,
            .number(Spread(heads).mean, decimals: 4), none, .number(Spread(heads).mean, decimals: 4),
        ])
        try addSameBits(sciFact.name, before, after, to: &findings)
        for code in ["RBE384", "RBE384x2"] {
            let gained = zip(after[code]!.ndcg, before[code]!.ndcg).map { 100 * ($0 - $1) }
            let floats = zip(after[code]!.floatNDCG, before[code]!.floatNDCG).map { 100 * ($0 - $1) }
            findings.bars.append(
                StudyBar(
                    "3. nDCG@10 of \(code) gained by training on pairs, points", Spread(gained).mean,
                    .atLeast, 0,
                    note: Spread(gained, decimals: 2).note
                        + String(format: "; with float queries %.2f points", Spread(floats).mean)))
        }
        for corpus in others { try addSimilarities(corpus, to: &findings, &table) }
        findings.tables.append(table)
    }

    /// Two bits of 384 components against one of 768.
    private func addSameBits(
        _ corpus: String, _ before: [String: Run], _ after: [String: Run], to findings: inout StudyFindings
    ) throws(KuklaError) {
        let (two, one) = (after["RBE384x2"]!, after["RBE768"]!)
        let signs = before["RBE768"]!
        let recall = zip(two.recall, one.recall).map { 100 * ($0 - $1) }
        findings.bars.append(
            StudyBar(
                "1. recall@10 of 384 x 2 bits above 768 x 1, \(corpus), points", Spread(recall).mean,
                .atLeast,
                3, note: Spread(recall, decimals: 1).note))
        findings.bars.append(
            StudyBar(
                "1. recall@10 of the lesser of both above signs of a rotation at 768 bits, \(corpus), points",
                100 * (min(Spread(two.recall).mean, Spread(one.recall).mean) - Spread(signs.recall).mean),
                .atLeast, 0))
        guard two.ndcg.allSatisfy(\.isFinite) else { return }
        let ndcg = zip(two.ndcg, one.ndcg).map { 100 * ($0 - $1) }
        findings.bars.append(
            StudyBar(
                "1. nDCG@10 of 384 x 2 bits above 768 x 1, \(corpus), points", Spread(ndcg).mean, .atLeast, 0,
                note: Spread(ndcg, decimals: 2).note))
    }

    private func addSimilarities(
        _ corpus: VectorCorpus, to findings: inout StudyFindings, _ table: inout StudyTable
    ) throws(KuklaError) {
        let codes = ["RBE768", "RBE384x2"]
        let examples = try BinaryTraining.Examples(vectors: corpus.documents)
        var before: [String: Run] = [:]
        var after: [String: Run] = [:]
        for seed in bench.seeds {
            for code in codes {
                let trained = try CodeTraining(bench: bench)(examples, code, seed: seed)
                try before[code, default: Run()].add(trained.initial, corpus)
                try after[code, default: Run()].add(trained.trained, corpus)
            }
        }
        for code in codes {
            table.rows.append(before[code]!.row(corpus.name, "\(code), rotations"))
            table.rows.append(after[code]!.row(corpus.name, "\(code), trained on similarities"))
        }
        try addSameBits(corpus.name, before, after, to: &findings)
    }

    /// nDCG@10 of float vectors through a head.
    private func ceiling(_ head: Linear) throws(KuklaError) -> Double {
        try VectorCorpus(
            sciFact, documents: head(Tensor(sciFact.documents)).normalized().matrix,
            queries: head(Tensor(sciFact.queries)).normalized().matrix
        ).floats.ndcg
    }
}
