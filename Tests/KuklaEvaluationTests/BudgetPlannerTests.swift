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
}
