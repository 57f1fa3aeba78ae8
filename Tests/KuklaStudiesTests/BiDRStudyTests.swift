import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: bidr")
struct BiDRStudyTests {
    @Test(
        "a quick run trains all stages, and reads exactly the candidates",
        .enabled(if: SharedData.hasStudies("scifact", "cranfield", "stsbenchmark", "multi30k_captions")))
    func quickRun() throws {
        let report = try BiDRStudy().quickReport()
        let bars = report.findings.bars
        #expect(Set(bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3"])
        for words in ["bytes read a query", "a document in memory"] {
            #expect(bars.first { $0.requirement.contains(words) }?.outcome == .met)
        }
        #expect(bars.allSatisfy { $0.measured.isFinite })
    }
}
