import KuklaFormats
import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: bebr")
struct BEBRStudyTests {
    @Test(
        "a quick run finds exact products, the bytes of the formula, and that more bits find more",
        .enabled(
            if: SharedData.hasStudies(
                "scifact", "cranfield", "ag_news", "stsbenchmark", "mnist", "ann_sift5k")))
    func quickRun() throws {
        let report = try BEBRStudy().quickReport()
        let bars = report.findings.bars
        #expect(Set(bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4", "5", "6"])
        for words in ["not exact", "other way round", "bytes a vector"] {
            #expect(bars.first { $0.requirement.contains(words) }?.outcome == .met, "\(words)")
        }
        #expect(bars.allSatisfy { $0.measured.isFinite })
        let chart = try #require(report.findings.charts.first?.chart as? LineChart)
        let recalls = try #require(chart.series.first?.points.map(\.y))
        #expect(recalls.count == 4 && recalls[3] > recalls[0])
    }
}
