public import KuklaNumerics
import KuklaTables

/// Histories weighed by what they have to do with the candidate, against histories summed up.
public struct DINStudy: Study {
    public let name = "din"
    public let title = "What a user did before, weighed for each candidate"
    public let paper =
        "Zhou, Song, Zhu et al. 2018, \"Deep Interest Network for Click-Through Rate Prediction\", KDD, arXiv:1706.06978."
    public let claim =
        "A user's history, weighed by a small network that looks at the candidate, predicts clicks better than the same history summed up; Dice between layers and L2 over the rows of a batch only make it better and keep it from overfitting."
    public let data = ["movielens-100k", "amazon_sequences"]

    public init() {}

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let films = try InterestRuns(bench, RatedFilms(bench).set, epochs: bench.choose(quick: 1, full: 4))
        try InterestModels(runs: films, name: "MovieLens-100k").addFilms(to: &findings)
        try HistoryWeights(films).add(to: &findings)
        try LongTraining(films).add(to: &findings)
        try HistoryCost(films).add(to: &findings)
        let items = try InterestRuns(
            bench, BoughtItems(bench, "Beauty").set, epochs: bench.choose(quick: 1, full: 2))
        try InterestModels(runs: items, name: "Amazon Beauty").addItems(to: &findings)
        findings.notes.append(
            "MovieLens-100k, since the collection lacks the times of MovieLens-1M: liked is a rating of 4 or more, the history all films that the user rated at strictly earlier times, the last 50, each a film and its first genre; profile: gender and occupation. Users, not rows, are split, 70/10/20. Vectors of \(InterestRuns.width), layers of 80 and 40, batches of 512, Adam at 0.001; every model has the same epochs, four checks of the validation users in each, and keeps its best weights."
        )
        findings.notes.append(
            "Amazon Beauty (5-core): each item that a user took against one that he never took, drawn uniformly; the history is what he took before, with the first of the item's attributes as its kind. The last item of each user is for testing, the one before for validation, as in the paper. GAUC is then the share of users whose own item scores higher."
        )
        findings.notes.append(
            "The base has wider layers, so that all models have as many parameters within 5%. That order and padding change no logit, that weights of 1 give the base, that rows outside a batch stay bit for bit, and what Dice is at a = 1 and at variance 0, is in the tests (`CTRModelTests`, `ClickOperationTests`, `TableTrainerTests`)."
        )
        return findings
    }
}
