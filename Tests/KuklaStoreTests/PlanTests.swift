import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// What the index is made of, and why; samples of the items.
@Suite struct PlanTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private struct Fitter: PlanFitter {
        func fit(
            _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
        ) throws(KuklaError) -> FittedPlan {
            FittedPlan(
                configuration: try .init(parsing: "HNSW8,SQ8"), effort: 17,
                report: Data(#"{"plan": "HNSW8,SQ8", "plans": [1, 2]}"#.utf8))
        }
    }

    @Test func `a fitted plan says when and why, with the planner's report`() throws {
        let store = try folder.store { $0.fitter = Fitter() }
        let notes = try store.create(
            "notes", CollectionSettings(dimensions: 8, plan: .budget(bytesPerVector: 8, items: 50)))
        try notes.upsert(ItemBatch(numbers: 0..<40, dimensions: 8))
        #expect(try notes.plan().configuration.description == "F32")
        #expect(try notes.plan().reason.contains("until there are 50 items"))
        #expect(try notes.plan().fit == nil && notes.plan().report == nil)
        try notes.compact()
        #expect(try notes.plan().fit == FitRecord(operation: 40, count: 40, reason: .first))
        try notes.upsert(ItemBatch(numbers: 30..<90, dimensions: 8))
        try notes.compact()
        var plan = try notes.plan()
        #expect(plan.configuration.description == "HNSW8,SQ8" && plan.effort == 17)
        #expect(plan.fit == FitRecord(operation: 100, count: 90, reason: .enoughItems))
        #expect(plan.reason.contains("fitted to 8 bytes a vector"), "\(plan.reason)")
        #expect(
            plan.report
                == .object(["plan": .string("HNSW8,SQ8"), "plans": .array([.integer(1), .integer(2)])]))
        // What only grows is not made anew.
        try notes.upsert(ItemBatch(numbers: 90..<100, dimensions: 8))
        try notes.compact()
        #expect(try notes.plan() == plan)
        try notes.compact(rebuilding: true)
        plan = try notes.plan()
        #expect(plan.fit == FitRecord(operation: 110, count: 100, reason: .requested))
        store.close()
        #expect(try folder.store().collection("notes").plan() == plan)
    }

    @Test func `the reason to make an index anew is kept`() throws {
        let notes = try folder.store().create(
            "notes", CollectionSettings(dimensions: 8, plan: .factory(.init(parsing: "HNSW8,SQ8"))))
        func reason() throws -> FitRecord.Reason? { try notes.plan().fit?.reason }
        try notes.upsert(ItemBatch(numbers: 0..<40, dimensions: 8))
        try notes.compact()
        #expect(try reason() == .first)
        try notes.upsert(ItemBatch(numbers: 40..<300, dimensions: 8))
        try notes.compact()
        #expect(try reason() == .growth)
        try notes.delete((0..<100).map { .number($0) })
        try notes.compact()
        #expect(try reason() == .deletions)
        #expect(try notes.plan().reason.contains("a fifth of the items"))
    }

    @Test func `a sample is random items with their vectors`() throws {
        let notes = try folder.store().create("notes", CollectionSettings(dimensions: 8))
        try notes.upsert(ItemBatch(numbers: 0..<300, dimensions: 8))
        try notes.delete((0..<100).map { .number($0) })
        let all = try notes.scan(count: 1000, withVectors: true)
        #expect(try notes.sample(count: 1000) == all)
        #expect(try notes.sample(count: 0).isEmpty)
        #expect(failure { _ = try notes.sample(count: -1) }?.code == .usage)
        let some = try notes.sample(count: 50, seed: 3)
        #expect(some.count == 50 && some.allSatisfy(all.contains))
        #expect(Set(some.map(\.sequence)).count == 50)
        #expect(try notes.sample(count: 50, seed: 3) == some)
        #expect(try notes.sample(count: 50, seed: 4) != some)
        // From the whole of it, not from its beginning.
        #expect(some.contains { $0.sequence > 250 } && some.contains { $0.sequence < 150 })
    }
}
