import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: aspects")
struct AspectsStudyTests {
    @Test(
        "a quick run makes all spaces, counts the pairs that a cross-encoder reads, and leaks no source",
        .enabled(if: SharedData.hasStudies("ag_news", "csfcube")))
    func quickRun() throws {
        let findings = try AspectsStudy().quickReport().findings
        #expect(Set(findings.bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4", "5"])
        #expect(findings.bars.allSatisfy { $0.measured.isFinite })
        for bar in findings.bars where ["4", "5"].contains(bar.requirement.prefix(1)) {
            #expect(bar.outcome == .met, "\(bar)")
        }
        #expect(findings.notes.contains { $0.contains("0 of the cleaned texts") })
    }
}
