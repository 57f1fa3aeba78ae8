import KuklaFormats
import KuklaStudies
import KuklaTestSupport
import Testing

/// Quick runs train for one step an arm: whether everything runs, and what holds exactly does.
@Suite("Studies: matryoshka, 2dmse, starbucks")
struct ElasticStudyTests {
    private func check(_ study: any Study, bars: Set<String>, exact: [String]) throws {
        let report = try study.quickReport()
        let found = report.findings.bars
        #expect(Set(found.map { String($0.requirement.prefix(1)) }) == bars)
        #expect(found.allSatisfy { $0.measured.isFinite })
        for words in exact {
            let bar = try #require(found.first { $0.requirement.contains(words) }, "\(words)")
            #expect(bar.outcome == .met, "\(words): \(bar.measured)")
        }
    }

    @Test(
        "matryoshka: identities hold, and the funnel multiplies by its formula",
        .enabled(if: SharedData.hasStudies("stsbenchmark", "scifact", "omniglot")))
    func matryoshka() throws {
        try check(
            MatryoshkaStudy(), bars: ["1", "2", "3", "4", "5"],
            exact: [
                "gradient of a size's loss", "MRL-E logits", "beside the prefix of embed",
                "funnel of one stage", "counted beside",
            ])
    }

    @Test(
        "2dmse: leaving after a layer is exact, and a checkpoint holds half the layers",
        .enabled(if: SharedData.hasStudies("stsbenchmark")))
    func twoDimensional() throws {
        try check(
            TwoDMSEStudy(), bars: ["1", "2", "3", "4", "5"],
            exact: ["full pass's hidden state", "a checkpoint of 3 layers", "bytes of encoder layers"])
    }

    @Test(
        "starbucks: one size alone is the base loss, and all arms are measured",
        .enabled(if: SharedData.hasStudies("stsbenchmark", "wikitext2_valid_test")))
    func starbucks() throws {
        try check(
            StarbucksStudy(), bars: ["1", "2", "3", "4"], exact: ["whole size alone", "by running sums"])
    }
}
