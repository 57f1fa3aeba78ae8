import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: self-positioning")
struct SelfPositioningStudyTests {
    @Test(
        "a quick run trains, merges and finds that the identities hold",
        .enabled(if: SharedData.hasStudies("stsbenchmark", "scifact", "ag_news")))
    func quickRun() throws {
        let report = try SelfPositioningStudy().quickReport()
        let bars = report.findings.bars
        #expect(Set(bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4"])
        for bar in bars where bar.requirement.hasPrefix("4") || bar.requirement.contains("stand in a test") {
            #expect(bar.outcome == .met, "\(bar.requirement): \(bar.measured)")
        }
        #expect(bars.allSatisfy { $0.measured.isFinite })
    }
}
