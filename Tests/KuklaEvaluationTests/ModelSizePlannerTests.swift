import KuklaEvaluation
import KuklaIndex
import KuklaNumerics
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct ModelSizePlannerTests {
    /// Vectors of four layers, each a step from noise to the whole model's: a fake model.
    private static func depths(rows: Int, milliseconds: [Double]) -> [ModelSizePlanner.Depth] {
        let whole = BudgetPlannerTests.clustered(rows: rows, seed: 3)
        let noise = Matrix.normal(rows: rows, columns: 32, seed: 8)
        return milliseconds.enumerated().map { i, time in
            let share = 0.25 * Float(milliseconds.count - 1 - i)
            let vectors = Matrix(rows: rows, columns: 32) { out in
                for j in out.indices {
                    out[j] = whole[j / 32, j % 32] + share * noise[j / 32, j % 32] / Float(1 + j % 32 / 4)
                }
            }
            return .init(layers: i + 1, vectors: vectors, embeddingMilliseconds: time)
        }
    }

    private static let sizes = [4, 3, 2, 1].flatMap { layers in
        [32, 16, 8].map { ModelSize(layers: layers, dimensions: $0) }
    }

    private func fit(
        _ limits: PlanLimits, milliseconds: [Double] = [1, 2, 3, 4], texts: Int = 700
    ) throws -> FitReport {
        var planner = BudgetPlanner(limits: limits)
        planner.timingSeconds = 0.001
        return try ModelSizePlanner(planner).fit(
            sizes: Self.sizes, depths: Self.depths(rows: 700, milliseconds: milliseconds), texts: texts,
            folder: "elastic")
    }

    @Test func `without a limit of time the whole model is taken, with one as many layers as it leaves`()
        throws
    {
        let free = try #require(fit(PlanLimits(bytesPerVector: 16)).model)
        #expect(free.layers == 4 && free.fullLayers == 4 && free.fullDimensions == 32)
        // A search of 700 vectors takes less than what is left.
        let fast = try fit(
            PlanLimits(bytesPerVector: 16, latencyMilliseconds: 400), milliseconds: [100, 200, 300, 900])
        #expect(fast.model?.layers == 3)
        let chosen = try #require(fast.chosen)
        #expect(chosen.modelSize?.layers == 3 && chosen.embeddingMilliseconds == 300)
        #expect(try #require(chosen.p50Milliseconds) > 300 && chosen.bytesPerVector <= 16)
        #expect(fast.plans.allSatisfy { $0.modelSize?.layers != 4 })
        #expect(fast.model?.sizes.filter { $0.layers == 4 }.allSatisfy { !$0.isMeasured } == true)
    }

    @Test func `the sizes' line is that no smaller one is as good, and none that cannot win is measured`()
        throws
    {
        let report = try fit(PlanLimits(bytesPerVector: 16))
        let sizes = try #require(report.model).sizes
        #expect(sizes[0].recall == 1 && sizes[0].layers == 4 && sizes[0].isOnFront)
        #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0.recall >= $1.recall })
        let best = try #require(report.chosen).recall
        for size in sizes where size.recall < best { #expect(!size.isMeasured, "\(size.size)") }
        #expect(report.sizeTable().contains("4x32") && report.table().contains("model"))
        // What is written carries the size.
        #expect(String(decoding: try report.json(), as: UTF8.self).contains("\"full_layers\" : 4"))
    }

    @Test func `with a wanted recall the smallest plan that reaches it is chosen over all sizes`() throws {
        let report = try fit(PlanLimits(recall: 0.7))
        let chosen = try #require(report.chosen)
        #expect(chosen.recall >= 0.7)
        let enough = report.plans.filter { $0.recall >= 0.7 }.map(\.bytesPerVector).min() ?? 0
        #expect(chosen.bytesPerVector <= 1.1 * enough)
        #expect(report.dimensions == chosen.modelSize?.dimensions && report.plan == chosen.plan)
    }

    @Test func `what binds is named`() throws {
        func message(_ limits: PlanLimits) -> String {
            do {
                _ = try fit(limits, milliseconds: [100, 200, 300, 400])
                return ""
            } catch { return "\(error)" }
        }
        let slow = message(PlanLimits(bytesPerVector: 16, latencyMilliseconds: 50))
        #expect(slow.contains("binds is latency") && slow.contains("100 ms"))
        let both = message(PlanLimits(bytesPerVector: 2, recall: 0.98))
        #expect(both.contains("budget") && both.contains("recall") && both.contains("4x"), "\(both)")
    }

    @Test func `bytes are those of all texts`() throws {
        let small = try #require(fit(PlanLimits(residentBytes: 32_000)).chosen)
        let large = try #require(fit(PlanLimits(residentBytes: 32_000), texts: 7_000).chosen)
        #expect(large.bytesPerVector < small.bytesPerVector && large.residentBytes <= 32_000)
    }
}
