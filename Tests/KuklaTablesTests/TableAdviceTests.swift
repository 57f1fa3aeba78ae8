import KuklaTables
import Testing

@Suite("Table advice")
struct TableAdviceTests {
    /// Finalists within a budget of 1,000 bytes.
    private func advice(_ finalists: [(word: String, bytes: Int, aucs: [Double])]) throws -> TableAdvice {
        var advice = TableAdvice(budget: 1000, denseBytes: 2000, fields: [], feasibility: [])
        for (word, bytes, aucs) in finalists {
            let table = try TableConfiguration(parsing: word)
            var finalist = TableAdvice.Finalist(table: table, width: 4, budget: word == "dense" ? nil : 1000)
            finalist.bytes = bytes
            finalist.validation = aucs
            advice.finalists.append(finalist)
        }
        return advice
    }

    @Test func `the best within the budget is recommended, and the smallest within its seeds is named`()
        throws
    {
        let advice = try advice([
            ("dense", 2000, [0.90, 0.90]), ("int16", 1000, [0.81, 0.79]), ("int8", 500, [0.792, 0.794]),
            ("robe", 250, [0.789, 0.789]),
        ])
        #expect(advice.recommendation?.table.description == "int16")
        #expect(advice.smallerAsGood?.table.description == "int8")
        #expect(advice.summary.contains("and smaller: int8 at width 4, 500 B"))
    }

    @Test func `one seed, or nothing smaller that is as good, names none`() throws {
        let single = try advice([("int16", 1000, [0.80]), ("int8", 500, [0.80])])
        #expect(single.smallerAsGood == nil)
        let worse = try advice([("int16", 1000, [0.81, 0.80]), ("int8", 500, [0.79, 0.79])])
        #expect(worse.smallerAsGood == nil && !worse.summary.contains("smaller"))
    }
}
