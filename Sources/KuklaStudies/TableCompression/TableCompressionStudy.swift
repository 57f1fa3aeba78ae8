public import KuklaNumerics
import KuklaTables

/// Every known way to make an id table small, in one click model at equal bytes.
public struct TableCompressionStudy: Study {
    public let name = "table-compression"
    public let title = "Embedding tables within a budget of bytes"
    public let paper =
        "Zhang, Zhao, Miao et al. 2024, \"Experimental Analysis of Large-scale Learnable Vector Storage Compression\", VLDB, arXiv:2311.15578."
    public let claim =
        "Learnable tables can be halved at almost no loss by most methods, where sharing rows by the remainder of the id loses points; at a tenth no method wins everywhere, but the best loses far less than naive hashing."
    public let data = ["movielens-1m", "scifact"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let runs = try CompressionRuns(bench)
        try EqualBytes(runs).add(to: &findings)
        try LearnedSteps(runs).add(to: &findings)
        try TrainedBytes(runs).add(to: &findings)
        try FixedMatrix(bench).add(to: &findings)
        findings.notes.append(
            "DLRM over six fields of MovieLens-1M (\(runs.set.tableSchema(width: CompressionRuns.width).idCount) ids), d = \(CompressionRuns.width), batches of 2,048, Adam at 0.001, one check of the validation rows an epoch, 2 without gain end a stage; 80/10/10 at random. Liked means a rating of 4 or 5: the collection lacks the ratings, so that threes cannot be left out, and AUC is lower than in papers that do."
        )
        findings.notes.append(
            "Ids are numbered by falling frequency, so that the literal `i mod rows` never lets two frequent ids meet: `hash` is that, `hash:ids=mixed` scrambles ids first, as arbitrary ids are. Bars about naive hashing mean the latter."
        )
        findings.notes.append(
            "Deep hash embeddings have 64 hashes, not 1,024, whose first layer alone would exceed a tenth of this table, and are trained with one seed, since each training takes many times as long as another method's; deduplication has blocks of 32 rows. Index, remap and flag words count. The tool of the paper leaves some of them out. That every method is the dense table when it does not compress is in the tests (`TableIdentityTests`), as are all byte counts by formula."
        )
        findings.notes.append(
            "The step of INT8 and ALPT, and ALPT's learning rate at a long step, are those that the validation rows find best with the first seed, among 0.01, 0.003 and 0.001 and among 0.00002, 0.0001 and 0.0005: the card has INT8's step swept, and its rate is for batches of 128."
        )
        return findings
    }
}
