public import KuklaNumerics

/// Whether one training makes an encoder that can be left after any layer and cut to any prefix.
public struct TwoDMSEStudy: Study {
    public let name = "2dmse"
    public let title = "Layers that can be left"
    public let paper = "Li et al. 2024, \"2D Matryoshka Sentence Embeddings\", arXiv:2402.14776, version 1."
    public let claim =
        "An encoder whose loss is also taken of a layer and a prefix drawn anew for each step, aligned to the last layer, is better at every layer below the last than one trained for prefixes alone, and about as good at the last."
    public let data = ["stsbenchmark"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let elastic = try ElasticBench(bench)
        try EarlyExit(elastic: elastic).add(to: &findings)
        try DepthQuality(elastic: elastic).add(to: &findings)
        findings.notes.append(elastic.note)
        return findings
    }
}
