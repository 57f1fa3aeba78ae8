public import KuklaNumerics
import KuklaTables

/// One table of rows for all fields, each through hashes of its own, against a table for each field.
public struct UnifiedEmbeddingStudy: Study {
    public let name = "unified-embedding"
    public let title = "One embedding table for all fields"
    public let paper =
        "Coleman, Kang, Fahrbach et al. 2023, \"Unified Embedding: Battle-Tested Feature Representations for Web-Scale ML Systems\", NeurIPS, arXiv:2305.12102."
    public let claim =
        "Fields that look up one shared table through salted hashes lose far less by collisions than fields that each have a share of its rows, because the network learns weights for each field that are nearly orthogonal."
    public let data = ["movielens-1m"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let runs = try MultiplexedRuns(bench)
        try SharedRows(runs).add(to: &findings)
        try FieldDirections(runs).add(to: &findings)
        findings.notes.append(
            "DCN-V2 with one cross layer and a perceptron of 192 units over six fields of MovieLens-1M, d = \(MultiplexedRuns.width), batches of \(runs.batchSize), Adam at 0.001, one check of the validation rows an epoch, 3 without gain end the training; 80/10/10 at random. The full table has \(runs.rows) rows. Liked means a rating of 4 or 5: the collection lacks the ratings, so that threes cannot be left out, and all AUCs are lower than the paper's."
        )
        findings.notes.append(
            "Not multiplexed: ids scrambled, then their remainder, rows of a field in proportion to its ids, two at least, so that gender has no collisions, as in the paper. That disjoint ranges of the shared table are separate tables bit for bit, and that a field's rows depend on its name and the id alone, is in the tests (`UnifiedTableTests`)."
        )
        return findings
    }
}
