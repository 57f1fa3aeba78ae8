import KuklaCodecs
import KuklaEvaluation
import KuklaFormats
import KuklaIndex
public import KuklaNumerics

/// What makes a graph lose recall: the vectors' dimension, the order in which they come, and what that does to rankings.
public struct HNSWRecallStudy: Study {
    public let name = "hnsw-recall"
    public let title = "Why a graph loses recall"
    public let paper =
        "Elliott and Clark 2024, \"The Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds\", arXiv:2405.17813."
    public let claim =
        "With HNSW at its usual settings, recall falls with the intrinsic dimension of the vectors and depends on the order of insertion (those in the most complicated surroundings first is best), and models rank otherwise than under exact search."
    public let data = ["scifact", "cranfield", "ag_news", "stsbenchmark", "mnist", "ann_sift5k"]

    public init() {}

    /// The graph of the paper: the median of the systems it looked at.
    static let graph = HNSWConfiguration(links: 16, efConstruction: 128)
    static let k = 10

    /// Texts that are taken of each set.
    static func limit(_ bench: StudyBench) -> Int { bench.choose(quick: 200, full: .max) }

    public func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
        var findings = StudyFindings()
        let corpora = try HeldOutVectors.all(of: bench)
        try Parity(bench: bench, corpora: corpora).add(to: &findings)
        try SyntheticDimensions(bench: bench).add(to: &findings)
        try InsertionOrders(bench: bench, corpora: corpora).add(to: &findings)
        try ClassOrders(bench: bench).add(to: &findings)
        try ModelRankings(bench: bench).add(to: &findings)
        try RecommendedEffort(bench: bench, corpora: corpora).add(to: &findings)
        findings.notes.append(
            "Graphs of 16 links a node (32 on the lowest layer) and efConstruction 128 over float32; recall@10 against exact search."
        )
        return findings
    }
}

/// Vectors of one corpus, every tenth of them kept out of the index as a query.
struct HeldOutVectors {
    let name: String
    let metric: Metric
    let base: Matrix
    let queries: Matrix
    /// The ids of the `k` best of each query.
    let exact: [[Int]]

    init(_ name: String, _ vectors: Matrix, metric: Metric = .cosine, threads: Int) throws(KuklaError) {
        try self.init(
            name, base: vectors.gathering(rows: Self.baseRows(of: vectors)),
            queries: vectors.gathering(rows: Self.queryRows(of: vectors)), metric: metric, threads: threads)
    }

    init(
        _ name: String, base: Matrix, queries: Matrix, metric: Metric = .cosine, threads: Int
    ) throws(KuklaError) {
        (self.name, self.base, self.queries, self.metric) = (name, base, queries, metric)
        var flat = FlatIndex(codec: FloatCodec(metric: metric, dimensions: base.columns))
        try flat.insert(base, threads: threads)
        exact = try flat.search(queries, count: HNSWRecallStudy.k, threads: threads).map { $0.map(\.id) }
    }

    static func queryRows(of vectors: Matrix) -> [Int] { (0..<vectors.rows).filter { $0 % 10 == 0 } }
    static func baseRows(of vectors: Matrix) -> [Int] { (0..<vectors.rows).filter { $0 % 10 != 0 } }

    /// Texts of SciFact, Cranfield, AG News, STS-B and the user, and digits and image features by L2; the first alone, cut, in a
    /// quick run.
    static func all(of bench: StudyBench) throws(KuklaError) -> [HeldOutVectors] {
        let limit = HNSWRecallStudy.limit(bench)
        let abstracts = try bench.embed(bench.sciFact().documents.prefix(limit).map(\.text))
        var all = [try HeldOutVectors("SciFact", abstracts, threads: bench.threads)]
        guard bench.scale == .full else { return all }
        let papers = try bench.cranfield()
        let others = [NamedTexts(name: papers.name, texts: papers.documents.map(\.text))]
        for corpus in try others + bench.unjudgedTexts() {
            all.append(try HeldOutVectors(corpus.name, bench.embed(corpus.texts), threads: bench.threads))
        }
        for (name, vectors) in try bench.pictures() {
            all.append(
                try HeldOutVectors(name, vectors, metric: .squaredEuclidean, threads: bench.threads))
        }
        return all
    }

    /// A graph over the vectors.
    func graph(
        order: InsertionOrder = .given, seed: UInt64, threads: Int
    ) throws(KuklaError) -> HNSWIndex {
        var index = try HNSWIndex(
            HNSWRecallStudy.graph, codec: FloatCodec(metric: metric, dimensions: base.columns),
            seed: seed)
        try index.insert(base, order: order, threads: threads, progress: SilentProgress())
        return index
    }

    /// Recall of the queries' true `k` best.
    func recall(of index: HNSWIndex, effort: Int) throws(KuklaError) -> Double {
        var index = index
        index.effort = effort
        return try index.measureEffort(queries, exact: exact, count: HNSWRecallStudy.k).recall
    }
}
