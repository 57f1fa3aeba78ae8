import KuklaStudies
import KuklaTestSupport
import Testing

@Suite("Studies: embedding tables")
struct TableStudyTests {
    @Test(
        "a quick run of each judges every bar by a number, and no table exceeds its budget",
        .enabled(
            if: SharedData.hasStudies("movielens-1m", "movielens-100k", "amazon_sequences")),
        arguments: ["table-compression", "unified-embedding", "optembed", "din"])
    func quickRun(_ name: String) throws {
        let study = try #require(StudyCatalogue.named(name))
        let findings = try study.quickReport().findings
        #expect(!findings.bars.isEmpty && !findings.tables.isEmpty)
        for bar in findings.bars { #expect(bar.measured.isFinite && bar.bound.isFinite, "\(bar)") }
        if name == "table-compression" {
            let over = try #require(findings.bars.first { $0.requirement.contains("exceed their budget") })
            #expect(over.outcome == .met)
        }
        if name == "din" {
            let parameters = try #require(
                findings.bars.first { $0.requirement.contains("parameters of the base") })
            #expect(parameters.outcome == .met)
        }
    }
}
