public import KuklaNumerics

/// Whether one space for each aspect beats one space for all, on documents that no training has seen.
public struct AspectsStudy: Study {
    public let name = "aspects"
    public let title = "One space for each aspect"
    public let paper =
        "Ostendorff et al. 2022, \"Specialized document embeddings for aspect-based similarity of research papers\", arXiv:2203.14541."
    public let claim =
        "A vector for each aspect (task, method, dataset), each from an encoder of its own, finds what is alike under that aspect better than one generic vector; Siamese training is best, retrofitting of frozen vectors lies between; generic vectors lean toward some aspects."
    public let data = ["ag_news", "csfcube"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let news = try NewsAspects(bench)
        try AspectSpaces(news: news, bench: bench).add(to: &findings)
        if bench.scale == .full { try FacetSpaces(bench: bench).add(to: &findings) }
        findings.notes += [
            "AG News, all articles at hand whose text names Reuters, AP, AFP, Sports Network or Canadian Press as its source: \(news.texts.count) different texts, aspects topic (4 classes) and source (\(news.sourceCount)). The agency's name, the dateline before it, markup, entities and line-break marks are taken out of the text before anything sees it; \(news.leaks) of the cleaned texts still hold such a name.",
            "\(news.training.count) texts to train on, \(news.test.count) others as queries and candidates. Settings are the command's defaults (5,000 pairs) but for tokens (48), which are for the time of the study; the best epoch counts by a tenth of the training texts. Nothing was chosen on test texts. MAP@25 divides by the lesser of 25 and all that is relevant. In-batch negatives of the positive's own label do not count.",
            "Differs from the paper in: a LoRA of rank 16 in place of a whole encoder for each aspect, MiniLM in place of SciBERT, no SPECTER.",
        ]
        return findings
    }
}
