public import KuklaNumerics

/// Recurrent binary codes: whether more bits of fewer components beat one bit of more, whether training pays, and whether new
/// queries find what an older codec stored.
public struct BEBRStudy: Study {
    public let name = "bebr"
    public let title = "Binary codes found in recurrent steps"
    public let paper =
        "Gan et al. 2023, \"Binary Embedding-based Retrieval at Tencent\", doi:10.1145/3580305.3599782, arXiv:2302.08714."
    public let claim =
        "A small head trained on pairs of embeddings turns any float vector into stacked binary vectors that search better than one binary vector of as many bits, can be made compatible with an older head so that nothing stored is coded again, and are scanned faster than by several Hamming passes."
    public let data = ["scifact", "ag_news"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let sciFact = try CodeCorpus.sciFact(bench)
        let news = try CodeCorpus.agNews(bench)
        let pairs = try TextPairs(bench, sciFact)
        try PairTraining(bench: bench, sciFact: sciFact, news: news, pairs: pairs).add(to: &findings)
        try MoreBits(bench: bench, corpora: [sciFact] + (news.map { [$0] } ?? [])).add(to: &findings)
        try OlderCodes(bench: bench, corpus: sciFact, pairs: pairs).add(to: &findings)
        try SymmetricProducts(bench: bench).add(to: &findings)
        findings.notes.append(
            "All codes begin as random rotations in place of the paper's random layers, and have linear maps alone. Where it is not said, queries are coded as documents are, as in the paper; 'float queries' are what `kukla search` asks with."
        )
        findings.notes.append(
            "Pairs are the training questions of SciFact with their abstracts, and titles with their abstracts; there are none of AG News, whose codes are trained to keep similarities. NFCorpus is not among the data sets."
        )
        return findings
    }
}
