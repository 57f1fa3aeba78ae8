import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// A collection notices that its vectors are other ones than those that its codecs were trained on, and only then.
@Suite struct DriftTests {
    let folder: TemporaryFolder
    private let dimensions = 16

    init() throws { folder = try TemporaryFolder() }

    /// Items whose vectors lie in one of two subspaces of eight dimensions, with a little noise.
    private func items(_ numbers: Range<Int>, isLater: Bool) -> ItemBatch {
        var random = RandomSource(seed: UInt64(numbers.lowerBound) + 9)
        var batch = ItemBatch(numbers: numbers, dimensions: dimensions)
        batch.vectors = Matrix(
            rows: numbers.count, columns: dimensions,
            elements: numbers.flatMap { _ in
                (0..<dimensions).map { random.normal() * (($0 < 8) == isLater ? 0.1 : 1) }
            })
        return batch
    }

    @Test(arguments: ["PCA8,SQ8", "PQ4", "HNSW6,PQ8"]) func `codes are made again for vectors that drifted`(
        plan: String
    ) throws {
        let sentences = Guarded([String]())
        let store = try folder.store { options in
            options.report = { sentence in sentences.withLock { $0.append(sentence) } }
        }
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: dimensions, plan: .factory(.init(parsing: plan))))
        try notes.upsert(items(0..<1000, isLater: false))
        try notes.compact()
        let first = try #require(try notes.plan().fit?.codes)
        #expect(first.count == 50 && first.mean > 0)
        // More of the same: nothing to say.
        for number in [1000, 1150, 1300] {
            try notes.upsert(items(number..<number + 150, isLater: false))
            #expect(try !notes.compact().isRebuilt)
        }
        // Three others among all those since: they change the mean, by less than is worth it.
        try notes.upsert(items(1450..<1453, isLater: true))
        #expect(try !notes.compact().isRebuilt)
        #expect(try notes.plan().fit?.operation == 1000 && sentences.withLock(\.isEmpty))
        try notes.upsert(items(2000..<3000, isLater: true))
        let report = try notes.compact()
        #expect(report.isRebuilt && report.reason == .drift)
        let fit = try #require(try notes.info().fit)
        #expect(fit.reason == .drift && fit.operation == 2453)
        let drift = try #require(fit.drift)
        #expect(drift.before == first && drift.since.mean > 1.2 * first.mean && drift.statistic > 5)
        #expect(try notes.plan().reason.contains("drifted"))
        #expect(sentences.withLock { $0 }.count == 1 && sentences.withLock { $0[0] }.contains("drifted"))
        #expect(try #require(fit.codes).mean < drift.since.mean)
        // The next items are measured by the new codes.
        try notes.upsert(items(3000..<3200, isLater: true))
        #expect(try !notes.compact().isRebuilt)
        store.close()
        #expect(try folder.store().collection("notes").info().fit?.drift != nil)
    }

    @Test func `a plan is fitted to its budget again`() throws {
        final class Fitter: PlanFitter {
            let count = Guarded(0)
            func fit(
                _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
            ) throws(KuklaError) -> FittedPlan {
                let number = self.count.withLock {
                    $0 += 1; return $0
                }
                return FittedPlan(configuration: try .init(parsing: number == 1 ? "PCA8,SQ8" : "SQ8"))
            }
        }
        let fitter = Fitter()
        let store = try folder.store { $0.fitter = fitter }
        let notes = try store.create(
            "notes",
            CollectionSettings(dimensions: dimensions, plan: .budget(bytesPerVector: 20, items: 1000)))
        try notes.upsert(items(0..<1000, isLater: false))
        try notes.compact()
        try notes.upsert(items(1000..<2000, isLater: false))
        try notes.compact()
        #expect(fitter.count.withLock { $0 } == 1)
        try notes.upsert(items(2000..<3000, isLater: true))
        let report = try notes.compact()
        #expect(report.reason == .drift && report.configuration?.description == "SQ8")
        #expect(fitter.count.withLock { $0 } == 2)
        #expect(try notes.plan().configuration.description == "SQ8")
        let query = try notes.items([.number(2500)], withVectors: true)[0].vector
        #expect(try notes.search(SearchRequest(vector: query, count: 1)).first?.item.id == .number(2500))
        store.close()
    }

    @Test func `a planner that is not there is not needed`() throws {
        let store = try folder.store()
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: dimensions, plan: .factory(.init(parsing: "F16"))))
        try notes.upsert(items(0..<1000, isLater: false))
        try notes.compact()
        // Nothing was learned, so that nothing is strange.
        #expect(try notes.plan().fit?.codes == nil)
        try notes.upsert(items(1000..<3000, isLater: true))
        #expect(try !notes.compact().isRebuilt)
    }
}
