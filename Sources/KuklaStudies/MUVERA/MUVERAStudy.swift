import Foundation
import KuklaEvaluation
public import KuklaNumerics

/// Whether one long vector stands for a set of vectors: how many candidates each way of proposing needs before exact late
/// interaction ranks them, and what is left of quality and time in the end.
public struct MUVERAStudy: Study {
    public let name = "muvera"
    public let title = "Late interaction by single vectors"
    public let paper =
        "Dhulipala, Hadian, Jayaram, Lee and Mirrokni 2024, \"MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings\", NeurIPS, arXiv:2405.19504."
    public let claim =
        "Inner products of fixed dimensional encodings, made without training, approximate late interaction, so that they reach the recall of searching every query token with 2 to 5 times fewer candidates."
    public let data = ["scifact", "cranfield", "stsbenchmark"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let sciFact = try bench.sciFact()
        let model = try TrainedHead(bench: bench).model(for: sciFact)
        var corpora = [try TokenCorpus(sciFact, model, bench)]
        var short: [TokenCorpus] = []
        // Of other texts than the head was trained on.
        if bench.scale == .full {
            corpora.append(try TokenCorpus(bench.cranfield(), model, bench))
            short.append(try TokenCorpus(bench.similarSentences(), model, bench))
            if let own = try bench.ownHalves(limit: 6000) {
                short.append(try TokenCorpus(own, model, bench))
            }
        }
        try ExactIdentities(bench: bench, corpus: corpora[0]).add(to: &findings)
        try CandidatesNeeded(bench: bench, corpora: corpora + short).add(to: &findings)
        try EndToEnd(bench: bench, corpora: corpora).add(to: &findings)
        if !short.isEmpty {
            let sizes = short.map { corpus in
                let tokens = Double(corpus.documents.vectors.rows) / Double(corpus.documents.count)
                return String(format: "%.0f of \(corpus.name)", tokens * Double(corpus.documents.dimensions))
            }
            findings.notes.append(
                "Bar 5 is of abstracts alone: a document of \(sizes.joined(separator: " and ")) has fewer numbers (tokens times dimensions, mean) than an encoding, which therefore cannot be searched faster than the document itself."
            )
        }
        findings.notes += [
            "The head begins as principal components, not whitened ones: chosen by 150 of SciFact's test claims, which favours SciFact's figures a little. Cranfield had no part in it.",
            "Token vectors: the last layer of MiniLM, then a layer to 128 dimensions trained with MaxSim and in-batch negatives on SciFact's training claims and its titles with their abstracts; [CLS] and [SEP] count, as in ColBERT. Cranfield stands for NFCorpus, which is not here; the head has seen none of it.",
            "Encodings are written FDE(repetitions)x(bits)x(projection). An empty partition of a document takes over the nearest one's vector, not one token of it as in the paper.",
            "The per-token heuristic takes the best k documents of every query token and pools them; its candidates are the pool, without duplicates, at the least k that holds the target. Figures of encodings are means over \(bench.seeds.count) seeds.",
        ]
        return findings
    }
}
