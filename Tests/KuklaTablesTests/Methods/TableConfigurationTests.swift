import KuklaNumerics
import KuklaTables
import Testing

@Suite struct TableConfigurationTests {
    @Test(
        "a configuration is read and printed",
        arguments: [
            ("dense", "dense"), ("qr", "qr"), ("qr:combine=product", "qr"),
            ("qr:combine=sum", "qr:combine=sum"),
            ("unified:rows=20000,lookups=user*2+movie*2", "unified:rows=20000,lookups=user*2+movie*2"),
            ("unified:lookups=2,rows=7", "unified:rows=7,lookups=2"), ("int8:step=0.010", "int8"),
            ("mgqe:parts=auto", "mgqe"), ("adaptive:top=1", "adaptive:top=1"),
        ])
    func roundTrip(_ example: (given: String, printed: String)) throws {
        let configuration = try TableConfiguration(parsing: example.given)
        #expect(configuration.description == example.printed)
        #expect(try TableConfiguration(parsing: configuration.description) == configuration)
    }

    @Test(
        "what is wrong is named, with what was probably meant",
        arguments: [
            ("unifed", "did you mean 'unified'"), ("", "did you mean"),
            ("qr:combin=sum", "did you mean 'combine'"),
            ("qr:combine=summ", "did you mean 'sum'"), ("dense:rows=3", "has no options"),
            ("unified:rows=0", "a whole number from 1"), ("unified:rows", "has no value; write 'rows=auto'"),
            ("int8:step=x", "expected a number"), ("qr:combine=sum,combine=sum", "is there twice"),
            ("int8:step=nan", "expected a number"),
        ])
    func refusal(_ example: (given: String, said: String)) {
        let error = #expect(throws: KuklaError.self) { try TableConfiguration(parsing: example.given) }
        #expect(error?.code == .usage)
        #expect(error?.message.contains(example.said) == true, "\(error?.message ?? "")")
    }

    @Test(
        "options that do not fit the schema are refused",
        arguments: [
            ("unified:lookups=feild1*2", "did you mean 'field1'"),
            ("unified:lookups=field1*x", "not numbers from 1"),
            ("unified:store=unified", "cannot be kept in another"),
            ("unified:store=rope", "did you mean 'robe'"),
            ("mde:alpha=2", "a number from 0 to 1"), ("dpq:parts=3", "into 3 equal parts"),
            ("mgqe:high=16,low=64", "gives rare ids more codes"),
        ])
    func misfit(_ example: (given: String, said: String)) throws {
        let configuration = try TableConfiguration(parsing: example.given)
        let error = #expect(throws: KuklaError.self) {
            try configuration.make(for: TableFixtures.schema, budget: 20_000, seed: 1)
        }
        #expect(error?.code == .usage)
        #expect(error?.message.contains(example.said) == true, "\(error?.message ?? "")")
    }

    @Test("methods that need counts of ids say so", arguments: ["adaptive", "mgqe"])
    func counts(_ word: String) throws {
        let schema = TableSchema(fields: TableFixtures.schema.fields, width: 8)
        let error = #expect(throws: KuklaError.self) {
            try TableConfiguration(parsing: word).make(for: schema, budget: nil, seed: 1)
        }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("how often each id occurs") == true)
    }
}
