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
    public let data = ["scifact", "cranfield", "ag_news", "stsbenchmark", "mnist", "ann_sift5k"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let sciFact = try VectorCorpus(bench.sciFact(), bench)
        var (texts, pictures): ([VectorCorpus], [VectorCorpus]) = ([], [])
        if bench.scale == .full {
            texts.append(try VectorCorpus(bench.cranfield(), bench))
            for corpus in try bench.unjudgedTexts() {
                texts.append(try VectorCorpus(corpus.name, heldOutOf: bench.embed(corpus.texts)))
            }
            for (name, vectors) in try bench.pictures() {
                pictures.append(try VectorCorpus(name, heldOutOf: vectors))
            }
        }
        let pairs = try TextPairs(bench, sciFact)
        try PairTraining(bench: bench, sciFact: sciFact, others: texts, pairs: pairs).add(to: &findings)
        try MoreBits(bench: bench, texts: [sciFact] + texts, pictures: pictures).add(to: &findings)
        try OlderCodes(bench: bench, corpus: sciFact, pairs: pairs).add(to: &findings)
        try SymmetricProducts(bench: bench).add(to: &findings)
        findings.notes.append(
            "All codes begin as random rotations in place of the paper's random layers, and have linear maps alone. Where it is not said, queries are coded as documents are, as in the paper; 'float queries' are what `kukla search` asks with."
        )
        findings.notes.append(
            "Pairs are the training questions of SciFact with their abstracts, and titles with their abstracts; codes of the other sets are trained to keep similarities, and, but for Cranfield, every tenth text asks for its neighbours. NFCorpus is not among the data sets."
        )
        findings.notes.append(
            "The card's recalls are those of MiniLM's vectors. Pixels of digits (784 components) and SIFT descriptors (128) are compared by cosine, too; of them it asks only that more bits find more."
        )
        return findings
    }
}
