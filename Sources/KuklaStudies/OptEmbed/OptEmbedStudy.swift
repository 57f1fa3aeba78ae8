public import KuklaNumerics
import KuklaTables

/// Rows and widths of a table, searched on one supernet and trained again.
public struct OptEmbedStudy: Study {
    public let name = "optembed"
    public let title = "Which rows to keep and how wide fields should be"
    public let paper =
        "Lyu, Tang, Zhu et al. 2022, \"OptEmbed: Learning Optimal Embedding Table for Click-through Rate Prediction\", CIKM, arXiv:2208.04482."
    public let claim =
        "A supernet with a threshold for each field and all widths at once, an evolutionary search and a training from the initial weights give a compact dense table that is as good as the full one."
    public let data = ["movielens-1m"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let runs = try SearchRuns(bench)
        try SearchedTables(runs).add(to: &findings)
        findings.notes.append(
            "DeepFM with layers of 128 and 64 over six fields of MovieLens-1M and, for the planted-field bar, a column of 5,000 uniform random ids; d = \(SearchRuns.width), batches of 2,048, Adam at 0.001, thresholds by SGD at \(SearchRuns.rate) with alpha \(SearchRuns.alpha); a training ends after 2 checks without gain, once an epoch; 20 width vectors, 15 rounds. The networks have no batch normalisation, so that narrow candidates need none recalibrated. Liked means a rating of 4 or 5."
        )
        findings.notes.append(
            "Identities (thresholds far below give the dense table's logits bit for bit; the step's slope; uniform widths) are in the tests (`OptEmbedTests`, `TableIdentityTests`)."
        )
        return findings
    }
}
