public import KuklaNumerics

/// Whether dimensions with names rank as well as dimensions without, and mean what they are called.
public struct SESAStudy: Study {
    public let name = "sesa"
    public let title = "Dimensions with names"
    public let paper =
        "Bogdanova and Yazdani 2017, \"SESA: supervised explicit semantic analysis\", arXiv:1708.03246."
    public let claim =
        "Embeddings whose dimensions are named concepts of a knowledge base, trained end to end, rank job-profile relevance at the state of the art while every match can be explained: an explicit space is not worse than a latent one of the same encoder."
    public let data = ["20newsgroups", "wikitext2_valid_test"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let posts = try ExplicitPosts(bench)
        let trained = try ExplicitRanking(posts: posts, bench: bench).add(to: &findings)
        Deletions(posts: posts, bench: bench, vectors: trained).add(to: &findings)
        Analysis(posts: posts).addInvariants(to: &findings)
        findings.notes += [
            "What is below 0 is cut off: two posts without a common concept have a cosine of 0, whatever else they share, where the latent twin still ranks them. That is the price of explanations in which no absence counts. With 20 groups as concepts a post has so few active ones that five deletions take all of them, drawn or chosen: bar 3's ratio needs many more concepts than there are groups.",
            "20 Newsgroups (by date) in place of Reuters-21578 and TREC-QC, which the collection does not have: \(posts.concepts.count) named groups, \(posts.training.count) posts to learn from and \(posts.test.count) later ones to judge by; two posts are relevant to each other if they are of one group. A post is its subject and body: other headers, which name the group, and all names of groups in the text are left out.",
            "The encoder is a GRU of 128 units over MiniLM's word vectors, all trained, the mean of its states; the paper's is an LSTM. Settings are the command's defaults (128 tokens of a post) but for passes (4), which are for the time of the study; the best pass counts by a tenth of the posts to learn from. Principal components are those of up to 1,500 posts to learn from. Nothing was chosen on test posts.",
            "Differs from the paper in: its explicitness term is ours, and the relevance of pairs is judged on public posts, not on jobs and profiles. Logistic regression over words and ESA of the groups' own training posts are explicit models that read the posts whole.",
        ]
        return findings
    }
}
