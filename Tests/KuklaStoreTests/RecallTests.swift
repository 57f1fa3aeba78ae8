import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// A recall that is asked for is found, no more work is done for it than was measured, and live searches are checked.
@Suite struct RecallTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func make(
        _ plan: String, items: Int = 2000, dimensions d: Int = 16, in store: Store? = nil
    ) throws -> StoredCollection {
        let store = try store ?? folder.store()
        let notes = try store.create(
            "notes-\(store.names.count)",
            CollectionSettings(dimensions: d, plan: .factory(.init(parsing: plan))))
        try notes.upsert(ItemBatch(numbers: 0..<items, dimensions: d))
        try notes.compact()
        return notes
    }

    /// The share of the best `k` that searches with `recall` find, on average over queries that nobody has seen.
    private func measured(_ notes: StoredCollection, recall: Double, count k: Int) throws -> Double {
        let queries = Matrix(random: 40, notes.settings.dimensions, seed: 99)
        var request = SearchRequest(count: k)
        request.recall = 1
        let best = try notes.search(queries, request)
        request.recall = recall
        let found = try notes.search(queries, request)
        let hits = zip(best, found).reduce(0) {
            $0 + Set($1.0.map(\.item.id)).intersection($1.1.map(\.item.id)).count
        }
        return Double(hits) / Double(40 * k)
    }

    @Test(arguments: ["HNSW4,SQ8", "PQ4", "IVF32,SQ8", "B1", "HNSW6,PQ8"])
    func `a recall that is asked for is found`(plan: String) throws {
        let notes = try make(plan)
        let calibration = try #require(notes.recallCalibration)
        #expect(calibration.source == .heldOut && calibration.items == 2000 && calibration.queries == 200)
        #expect(calibration.curves.map(\.count) == [1, 10, 30, 100])
        for curve in calibration.curves {
            #expect(zip(curve.steps, curve.steps.dropFirst()).allSatisfy { $0.recall <= $1.recall })
            #expect(curve.steps.allSatisfy { $0.candidates >= curve.count && $0.recall <= 1 })
        }
        for k in [1, 10, 20] {
            for recall in [0.7, 0.9, 0.97] {
                let found = try measured(notes, recall: recall, count: k)
                // Three standard errors of 40 searches of k matches, and one of those that the effort was learned from.
                let error = 4 * (recall * (1 - recall) / Double(40 * min(k, 10))).squareRoot()
                #expect(found >= recall - error, "\(plan), \(k) best: \(found) of \(recall)")
            }
        }
        // Less is asked for, less is done.
        func work(_ recall: Double) throws -> Int {
            var request = SearchRequest(vector: Matrix(random: 1, 16, seed: 4).row(0), count: 10)
            request.recall = recall
            let explanation = try notes.explain(request).explanation
            #expect(explanation.expectedRecall.map { $0 >= recall } == true)
            return (explanation.effort ?? 0) + (explanation.candidates ?? 0)
        }
        #expect(try work(0.5) < work(0.97))
    }

    @Test func `all vectors are compared for a recall of 1`() throws {
        let notes = try make("B1", items: 500)
        try notes.upsert(ItemBatch(numbers: 490..<510, dimensions: 16, seed: 2))
        let all = try notes.scan(count: 1000, withVectors: true)
        for seed in 0..<5 {
            let query = Matrix(random: 1, 16, seed: UInt64(seed) + 50).row(0)
            func cosine(_ x: [Float]) -> Float {
                func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
                return dot(query, x) / (dot(query, query) * dot(x, x)).squareRoot()
            }
            let best = all.sorted { cosine($0.vector!) > cosine($1.vector!) }.prefix(10).map(\.id)
            var request = SearchRequest(vector: query, count: 10)
            request.recall = 1
            let explained = try notes.explain(request)
            #expect(explained.hits.map(\.item.id) == best)
            #expect(explained.explanation.unheld == 510 && explained.explanation.expectedRecall == 1)
        }
    }

    @Test func `an explanation says what was looked through`() throws {
        let store = try folder.store()
        let notes = try make("HNSW4,SQ8", items: 1000, in: store)
        try notes.upsert(ItemBatch(numbers: 990..<1020, dimensions: 16, seed: 5))
        let filter = try Filter(parsing: #"{"number": {"$lt": 204}}"#)
        let vector = Matrix(random: 1, 16, seed: 8).row(0)
        var explained = try notes.explain(SearchRequest(vector: vector, text: "word3", count: 5))
        var explanation = explained.explanation
        #expect(explained.hits.count == 5 && explanation.tries == 1)
        #expect(explanation.indexed == 990 && explanation.fresh == 30 && explanation.unheld == 0)
        #expect(explanation.selectivity == nil && explanation.effort == 64 && explanation.candidates == 100)
        #expect(explanation.compared.map { $0 > 64 } == true)
        let seconds = explanation.seconds
        #expect(seconds.index > 0 && seconds.comparison > 0 && seconds.fresh > 0 && seconds.text > 0)
        #expect(seconds.fetch > 0 && seconds.filter >= 0 && seconds.unheld == 0)
        #expect(
            seconds.total >= seconds.index + seconds.comparison + seconds.fresh + seconds.text + seconds.fetch
        )
        explained = try notes.explain(SearchRequest(vector: vector, count: 5, filter: filter))
        explanation = explained.explanation
        #expect(
            explanation.selectivity == 0.2 && explanation.indexed == 204 && explanation.expectedRecall == nil)
        explained = try notes.explain(SearchRequest(text: "word3", count: 5))
        #expect(explained.explanation.configuration == nil && explained.hits.count == 5)
        // Small or exact indexes are compared whole.
        let exact = try make("F32", items: 150, in: store)
        #expect(try exact.explain(SearchRequest(vector: vector)).explanation.expectedRecall == 1)
        #expect(try exact.explain(SearchRequest(vector: vector)).explanation.compared == 150)
        let small = try make("SQ4", items: 150, in: store)
        var request = SearchRequest(vector: vector)
        request.recall = 0.9
        #expect(small.recallCalibration == nil)
        #expect(try small.explain(request).explanation.candidates == 150)
    }

    @Test func `live searches are checked against comparing all`() throws {
        let notes = try make("B1", items: 2000)
        #expect(try notes.checkRecall() == nil)
        let queries = Matrix(random: 40, 16, seed: 77)
        var request = SearchRequest(count: 10)
        request.candidates = 10
        for row in 0..<40 {
            request.vector = queries.row(row)
            _ = try notes.search(request)
        }
        let coarse = try #require(try notes.checkRecall(sample: 40))
        #expect(coarse.searches == 40 && coarse.standardError > 0)
        // Sixteen signs find few of the nearest ten: 0.27 were observed.
        #expect(coarse.recall > 0.05 && coarse.recall < 0.6, "\(coarse)")
        // The oldest are forgotten.
        request.candidates = nil
        request.recall = 1
        for row in 0..<300 {
            request.vector = queries.row(row % 40)
            request.filter = row % 3 == 0 ? try Filter(parsing: #"{"even": true}"#) : nil
            _ = try notes.search(request)
        }
        let fine = try #require(try notes.checkRecall(sample: 20))
        #expect(fine.searches == 20 && fine.recall == 1 && fine.standardError == 0)
    }

    @Test func `what was measured is kept, and measured again when the index is another`() throws {
        let store = try folder.store()
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: 16, plan: .factory(.init(parsing: "SQ4"))))
        try notes.upsert(ItemBatch(numbers: 0..<1000, dimensions: 16))
        try notes.compact()
        let first = try #require(notes.recallCalibration)
        try notes.upsert(ItemBatch(numbers: 1000..<1050, dimensions: 16))
        #expect(try !notes.compact().isRebuilt)
        #expect(notes.recallCalibration?.curves == first.curves)
        try notes.upsert(ItemBatch(numbers: 1050..<1300, dimensions: 16))
        #expect(try !notes.compact().isRebuilt)
        #expect(notes.recallCalibration?.items == 1300)
        let queries = Matrix(random: 60, 16, seed: 3)
        for row in 0..<60 { _ = try notes.search(SearchRequest(vector: queries.row(row))) }
        try notes.compact(rebuilding: true)
        let logged = try #require(notes.recallCalibration)
        #expect(logged.source == .logged && logged.queries == 60)
        store.close()
        #expect(try folder.store().collection("notes").recallCalibration == logged)
    }

    @Test func `a recall that makes no sense is refused`() throws {
        let notes = try make("SQ8", items: 50)
        for recall in [0, -1, 1.01, .nan] {
            var request = SearchRequest(vector: Matrix(random: 1, 16, seed: 1).row(0))
            request.recall = recall
            #expect(failure { _ = try notes.search(request) }?.code == .usage)
        }
        var request = SearchRequest(vector: Matrix(random: 1, 16, seed: 1).row(0))
        request.recall = 0.9
        request.candidates = 100
        #expect(failure { _ = try notes.search(request) }?.code == .usage)
    }
}
