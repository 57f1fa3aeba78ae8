import Foundation
import KuklaStudies
import KuklaTestSupport
import Testing

/// A quick run on real data, with a head that was trained for a moment.
@Suite("Study: muvera")
struct MUVERAStudyTests {
    @Test(
        "a quick run finds that the identities hold, and measures all bars",
        .enabled(if: SharedData.hasStudies("scifact", "cranfield", "stsbenchmark")))
    func quickRun() throws {
        let report = try MUVERAStudy().quickReport()
        for bar in report.findings.bars where "12".contains(bar.requirement.prefix(1)) {
            #expect(bar.outcome == .met, "\(bar.requirement): \(bar.measured)")
        }
        // All five bars of the card.
        #expect(Set(report.findings.bars.map { $0.requirement.prefix(1) }).count == 5)
    }
}
