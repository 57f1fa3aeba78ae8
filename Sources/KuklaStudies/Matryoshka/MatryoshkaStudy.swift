import Foundation
public import KuklaNumerics

/// Whether one training makes every prefix of an embedding a good one.
public struct MatryoshkaStudy: Study {
    public let name = "matryoshka"
    public let title = "Prefixes that are embeddings"
    public let paper =
        "Kusupati et al. 2022, \"Matryoshka Representation Learning\", arXiv:2205.13147."
    public let claim =
        "One encoder, trained by the same loss at a few nested sizes, gives embeddings whose first components are as good as those of a model trained for so few alone, at no cost at full size: 14 times smaller embeddings at the same accuracy, and retrieval 14 times faster."
    public let data = ["stsbenchmark", "scifact"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let elastic = try ElasticBench(bench)
        try MatryoshkaIdentities(bench: bench).add(to: &findings)
        try MatryoshkaPrefixes(elastic: elastic).add(to: &findings)
        try MatryoshkaFunnel(bench: bench).add(to: &findings)
        if FileManager.default.fileExists(atPath: bench.data("omniglot").path) {
            try MatryoshkaCharacters(bench: bench).add(to: &findings)
        } else {
            findings.notes.append(
                "Omniglot was not at hand: bar 4, characters of 544 classes, was not measured.")
        }
        findings.notes.append(elastic.note)
        return findings
    }
}
