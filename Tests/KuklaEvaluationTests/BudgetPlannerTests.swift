import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct BudgetPlannerTests {
    /// Points around 30 centres, the later dimensions with less and less variance.
    static func clustered(rows: Int, seed: UInt64) -> Matrix {
        let centres = Matrix.normal(rows: 30, columns: 32, seed: 5)
        let noise = Matrix.normal(rows: rows, columns: 32, seed: seed)
        return Matrix(rows: rows, columns: 32) { out in
            for i in out.indices {
                let (row, column) = (i / 32, i % 32)
                out[i] = (centres[row % 30, column] + 0.6 * noise[row, column]) / Float(1 + column / 4)
            }
        }
    }

    /// A planner that does not take its time over speeds.
    static func planner(_ budget: Double) -> BudgetPlanner {
        var planner = BudgetPlanner(budget: budget)
        planner.timingSeconds = 0.002
        return planner
    }

    @Test func `the chosen plan is the best that was measured within the budget, and truly that small`()
        throws
    {
        let vectors = Self.clustered(rows: 1500, seed: 6)
        let report = try Self.planner(16).fit(vectors: vectors)
        let chosen = try #require(report.chosen)
        #expect(chosen.plan == report.plan)
        let affordable = report.plans.filter { $0.isFinalist && $0.bytesPerVector <= 16 }
        #expect(chosen.recall == affordable.map(\.recall).max())
        // The factory string alone says the same size and gives the same recall to whoever measures again.
        let configuration = try IndexConfiguration(parsing: report.plan)
        #expect(try configuration.bytesPerVector(dimensions: 32, metric: .cosine) == chosen.bytesPerVector)
        #expect(
            chosen.recall > 0.6 && chosen.recallLow <= chosen.recall && chosen.recall <= chosen.recallHigh)
        // Both neighbours of the budget were measured.
        #expect(report.best(within: 8) != nil)
        #expect(report.plans.contains { $0.bytesPerVector > 16 })
    }

    @Test func `a larger budget never keeps less`() throws {
        let vectors = Self.clustered(rows: 800, seed: 7)
        let recalls = try [4.0, 8, 16, 32].map {
            try #require(Self.planner($0).fit(vectors: vectors).chosen).recall
        }
        #expect(recalls == recalls.sorted())
    }

    @Test func `where more bytes buy nothing the smaller plan is chosen`() throws {
        // One of 4 corners, exactly: almost every codec keeps them apart.
        let vectors = Matrix(rows: 400, columns: 8) { out in
            for i in out.indices { out[i] = (i % 8 == (i / 8) % 4 ? 1 : 0) + Float(i / 8) * 1e-6 }
        }
        let chosen = try #require(Self.planner(64).fit(vectors: vectors).chosen)
        let best = try Self.planner(64).fit(vectors: vectors).plans.filter {
            $0.recall == chosen.recall && $0.isFinalist
        }
        #expect(chosen.bytesPerVector == best.map(\.bytesPerVector).min())
    }

    @Test func `judgements are scored by their names`() throws {
        let vectors = Self.clustered(rows: 300, seed: 8)
        let queries = Self.clustered(rows: 30, seed: 9)
        var qrels = Qrels()
        // Relevant is what exact search finds first: exact nDCG is 1 only if names reach the right rows.
        var exact = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: .cosine)
        try exact.insert(vectors)
        for (row, found) in try exact.search(queries, count: 10).enumerated() {
            for match in found { qrels.add(query: "q\(row)", document: "d\(match.id)", grade: 1) }
        }
        let judgements = VectorJudgements(
            qrels: qrels, queryIDs: (0..<30).map { "q\($0)" }, documentIDs: (0..<300).map { "d\($0)" })
        let report = try Self.planner(32).fit(
            vectors: vectors, queries: queries, judgements: judgements)
        #expect(report.exactNDCG == 1)
        let chosen = try #require(report.chosen)
        #expect(try #require(chosen.ndcg) > 0.8)
        #expect(throws: KuklaError.self) {
            try Self.planner(32).fit(vectors: vectors, judgements: judgements)
        }
    }

    @Test func `what cannot be is refused with a sentence`() throws {
        let vectors = Self.clustered(rows: 100, seed: 10)
        let nothing = #expect(throws: KuklaError.self) {
            try Self.planner(0.1).fit(vectors: vectors)
        }
        #expect(nothing?.code == .usage)
        #expect(throws: KuklaError.self) { try Self.planner(8).fit(vectors: vectors[rows: 0..<19]) }
        #expect(throws: KuklaError.self) {
            try Self.planner(8).fit(
                vectors: vectors, queries: Matrix.normal(rows: 3, columns: 5, seed: 1))
        }
    }

    // MARK: - Structures

    private static func planner(
        _ budget: Double? = nil, memory: Double? = nil, latency: Double? = nil, recall: Double? = nil
    ) -> BudgetPlanner {
        var planner = BudgetPlanner(
            limits: .init(
                bytesPerVector: budget, residentBytes: memory, latencyMilliseconds: latency, recall: recall))
        planner.timingSeconds = 0.002
        planner.maximumQueries = 100
        return planner
    }

    @Test func `with a budget alone all vectors are compared`() throws {
        let report = try Self.planner(64).fit(vectors: Self.clustered(rows: 400, seed: 11))
        #expect(report.plans.allSatisfy { $0.structure == .flat && $0.effort == nil })
        #expect(
            report.effort == nil && report.plans.filter(\.isFinalist).allSatisfy { $0.p50Milliseconds! > 0 })
    }

    @Test func `of plans that reach the recall the smallest is chosen, and of nearly equal ones the fastest`()
        throws
    {
        let report = try Self.planner(recall: 0.9).fit(vectors: Self.clustered(rows: 1000, seed: 12))
        let chosen = try #require(report.chosen)
        let enough = report.plans.filter { $0.isFinalist && $0.recall >= 0.9 }
        let smallest = try #require(enough.map(\.bytesPerVector).min())
        #expect(chosen.recall >= 0.9 && chosen.bytesPerVector <= 1.1 * smallest && smallest < 32)
        let near = enough.filter { $0.bytesPerVector <= 1.1 * smallest }
        #expect(chosen.p50Milliseconds == near.compactMap(\.p50Milliseconds).min())
        // Sizes between the halves were tried.
        #expect(
            report.plans.contains {
                $0.isFinalist && [14, 12, 10, 28, 24, 20].contains($0.bytesPerVector)
                    && $0.plan.contains("PCA")
            })
        // More memory is no reason for a larger plan.
        let roomy = try Self.planner(memory: 1e9, recall: 0.9).fit(
            vectors: Self.clustered(rows: 1000, seed: 12))
        #expect(try #require(roomy.chosen).bytesPerVector < 40)
    }

    @Test func `a graph or lists are chosen where comparing all takes too long`() throws {
        let vectors = Self.clustered(rows: 12_000, seed: 13)
        // Comparing all codes is what a third of its time rules out, by wherever this runs.
        var coded = try IndexConfiguration(parsing: "SQ8").train(on: vectors, metric: .cosine)
        try coded.insert(vectors)
        let flat = try SearchLatency(of: coded, queries: vectors[rows: 0..<200], count: 10).p50Milliseconds
        let report = try Self.planner(latency: flat / 3, recall: 0.9).fit(vectors: vectors)
        let chosen = try #require(report.chosen)
        #expect(chosen.structure != .flat && chosen.recall >= 0.9, "\(chosen)")
        #expect(chosen.p50Milliseconds! <= flat / 3 && report.effort == chosen.effort)
        #expect(report.effort! >= 1)
        // Built again by its factory string with its effort it finds as much.
        var index = try #require(
            try IndexConfiguration(parsing: report.plan).makeIndex(on: vectors, metric: .cosine)
                as? any ApproximateIndex & CodedIndex)
        try index.insert(vectors, threads: 2)
        index.effort = report.effort!
        let queries = Self.clustered(rows: 100, seed: 14)
        var exact = try IndexConfiguration(parsing: "F32").train(on: vectors, metric: .cosine)
        try exact.insert(vectors)
        let truth = try exact.search(queries, count: 10).map { $0.map(\.id) }
        #expect(try index.measureEffort(queries, exact: truth, count: 10).recall > 0.85)
    }

    @Test func `memory counts links, codebooks and centres`() throws {
        let vectors = Self.clustered(rows: 1000, seed: 15)
        let report = try Self.planner(memory: 30_000).fit(vectors: vectors)
        let chosen = try #require(report.chosen)
        #expect(chosen.residentBytes <= 30_000)
        for plan in report.plans {
            #expect(Double(plan.residentBytes) >= 1000 * plan.bytesPerVector - 1, "\(plan.plan)")
        }
        // The budget is the stricter of the two.
        let both = try Self.planner(8, memory: 30_000).fit(vectors: vectors)
        #expect(try #require(both.chosen).bytesPerVector <= 8)
        let lists = try IndexConfiguration(parsing: "IVF16,PQ8").makeIndex(on: vectors, metric: .cosine)
        // 256 centroids and 16 centres of 32 floats.
        #expect(lists.fixedBytes >= 4 * 32 * (256 + 16))
    }

    @Test func `where nothing meets all limits, what binds is named and the nearest plans too`() throws {
        let vectors = Self.clustered(rows: 800, seed: 16)
        func refusal(_ planner: BudgetPlanner) -> String {
            let error = #expect(throws: KuklaError.self) { try planner.fit(vectors: vectors) }
            #expect(error?.code == .badData)
            return error?.message ?? ""
        }
        let recall = refusal(Self.planner(4, recall: 0.99))
        #expect(recall.contains("what binds is budget or recall"), "\(recall)")
        #expect(recall.contains("With --budget ") && recall.contains("With --recall 0."), "\(recall)")
        let latency = refusal(Self.planner(64, latency: 1e-7))
        #expect(
            latency.contains("what binds is latency") && latency.contains("With --latency "), "\(latency)")
        #expect(!latency.contains("--budget"))
        let both = refusal(Self.planner(4, latency: 1e-7, recall: 0.99))
        #expect(
            both.contains("to relax one of them is not enough") && both.contains("Nearest to all"), "\(both)")
    }
}
