import Foundation
import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: nv-embed")
struct NVEmbedStudyTests {
    @Test(
        "a quick run trains a decoder, instructs it in all ways, and finds the identities exact",
        .enabled(
            if: SharedData.hasStudies(
                "scifact", "cranfield", "ag_news", "sci_text_classification", "stsbenchmark",
                "wikitext2_valid_test")))
    func quickRun() throws {
        let report = try NVEmbedStudy().quickReport()
        let exact = report.findings.bars.filter { $0.requirement.hasPrefix("5.") }
        #expect(exact.count == 6)
        // That an instruction matters is seen of a trained model alone; what must not change does not in any.
        for bar in exact where bar.relation == .atMost { #expect(bar.outcome == .met, "\(bar)") }
        #expect(Set(report.findings.bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4", "5"])
        #expect(report.findings.tables.contains { $0.title.contains("collisions") })
    }
}
