import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: dupmae")
struct DupMAEStudyTests {
    @Test(
        "a quick run measures all bars, and the identities hold",
        .enabled(if: SharedData.hasStudies("scifact", "cranfield", "wikitext2_valid_test")))
    func quickRun() throws {
        let report = try DupMAEStudy().quickReport()
        let bars = report.findings.bars
        #expect(Set(bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4"])
        #expect(bars.allSatisfy { $0.measured.isFinite })
        #expect(bars.filter { $0.requirement.hasPrefix("4") }.allSatisfy { $0.outcome == .met })
    }
}
