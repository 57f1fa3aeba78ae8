import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Study: sesa")
struct SESAStudyTests {
    @Test(
        "a quick run trains both twins, and what is printed is what the score loses",
        .enabled(if: SharedData.hasStudies("20newsgroups", "wikitext2_valid_test")))
    func quickRun() throws {
        let bars = try SESAStudy().quickReport().findings.bars
        #expect(Set(bars.map { $0.requirement.prefix(1) }) == ["1", "2", "3", "4", "5"])
        for words in ["printed sum", "nearest to themselves", "weighted sum"] {
            #expect(bars.first { $0.requirement.contains(words) }?.outcome == .met, "\(words)")
        }
    }
}
