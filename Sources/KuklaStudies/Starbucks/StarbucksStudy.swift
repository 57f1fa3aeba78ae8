public import KuklaNumerics

/// Whether a short list of sizes, all trained in every step, beats sizes drawn at random, and nears models trained for one size each.
public struct StarbucksStudy: Study {
    public let name = "starbucks"
    public let title = "Six cups from one training"
    public let paper =
        "Zhuang et al. 2024, \"Starbucks: Improved Training for 2D Matryoshka Embeddings\", arXiv:2410.13230."
    public let claim =
        "A fixed list of sizes from few layers and dimensions to all, each in every step, gives small models far better than those of sizes drawn at random and about as good as models trained for one size alone; pre-training at the same sizes adds to it."
    public let data = ["stsbenchmark", "wikitext2_valid_test"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let elastic = try ElasticBench(bench)
        let cups = Cups(of: elastic.full)
        // Each part adds bars, tables and notes of its own.
        try CupQuality(elastic: elastic, cups: cups).add(to: &findings)
        try CupCost(elastic: elastic, cups: cups).add(to: &findings)
        try CupIdentities(elastic: elastic).add(to: &findings)
        try PretrainedSizes(bench: bench).add(to: &findings)
        findings.notes += [
            elastic.note,
            "Where no row of the list stands, layers and dimensions were never trained together.",
        ]
        return findings
    }
}
