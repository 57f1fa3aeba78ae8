import KuklaEvaluation
import KuklaNumerics
import Testing

@Suite struct CorrelationTests {
    struct File: Decodable {
        struct Case: Decodable {
            let name: String
            let x: [Double], y: [Double], ranks: [Double]
            let pearson: Double, spearman: Double
        }
        struct Wilson: Decodable { let successes: Double, trials: Double, low: Double, high: Double }
        let cases: [Case]
        let wilson: [Wilson]
    }

    @Test func `coefficients and ranks equal scipy's`() throws {
        let file = try golden("correlation.json", as: File.self)
        #expect(file.cases.count == 7)
        for c in file.cases {
            #expect(Correlation.averageRanks(c.x) == c.ranks, "\(c.name)")
            #expect(abs(try Correlation.pearson(c.x, c.y) - c.pearson) < 1e-12, "\(c.name)")
            #expect(abs(try Correlation.spearman(c.x, c.y) - c.spearman) < 1e-12, "\(c.name)")
        }
    }

    @Test func `Wilson intervals equal scipy's`() throws {
        for w in try golden("correlation.json", as: File.self).wilson {
            let interval = ConfidenceInterval.wilson(successes: w.successes, trials: w.trials)
            #expect(abs(interval.lowerBound - w.low) < 1e-12 && abs(interval.upperBound - w.high) < 1e-12)
        }
    }

    @Test(arguments: [
        ([1.0, 2], [1.0, 2, 3], "2 and 3"),
        ([1], [1], "at least two pairs"),
        ([], [], "at least two pairs"),
        ([1, 2, 3], [4, 4, 4], "all 3 values of the second list are 4.0"),
        ([0.1, 0.1, 0.1], [1, 2, 3], "all 3 values of the first list are 0.1"),
        ([1, .nan], [1, 2], "value 1 of the first list is nan"),
        ([1, 2], [.infinity, 2], "value 0 of the second list is inf"),
    ])
    func `an undefined correlation is an error that says why`(x: [Double], y: [Double], says: String) {
        let errors = [
            #expect(throws: KuklaError.self) { _ = try Correlation.pearson(x, y) },
            #expect(throws: KuklaError.self) { _ = try Correlation.spearman(x, y) },
        ]
        for error in errors {
            #expect(error?.code == .badData)
            #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
        }
    }
}
