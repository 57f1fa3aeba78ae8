import Foundation
import KuklaStudies
import KuklaTestSupport
import Testing

/// Quick runs of the studies on real data: whether everything runs, and points the way that the paper says.
@Suite("Study: hnsw-recall")
struct HNSWRecallStudyTests {
    @Test(
        "a quick run finds that recall falls with the rank, and that all effort finds all",
        .enabled(
            if: SharedData.hasStudies(
                "scifact", "cranfield", "ag_news", "stsbenchmark", "mnist", "ann_sift5k")))
    func quickRun() throws {
        let report = try HNSWRecallStudy().quickReport()
        let all = try #require(report.findings.bars.first { $0.requirement.contains("ef = n") })
        #expect(all.outcome == .met)
        let falls = try #require(report.findings.bars.first { $0.requirement.contains("does not fall") })
        #expect(falls.outcome == .met)
        // Bars 1 to 6 of the card, the comparison with the peer in full runs alone.
        #expect(Set(report.findings.bars.map { $0.requirement.prefix(1) }).count == 6)
    }
}
