import KuklaNumerics
import KuklaTables
import Testing

@Suite struct DataSchemaTests {
    private let full = """
        label: {column: rating, positive: ">=4", negative: "<=2"}
        categorical: [user, {column: film, buckets: 100}, {column: price, as: text}]
        numeric: {clicks: log1p, age: standardize}
        sequence: {watched: {of: film, separator: ";", last: 3}, words: {separator: " "}}
        history: {items: [film], last: 7, keep: positive}
        user: user
        time: at
        split: {by: time, validation: 0.2, test: 0.1}
        missing: ["", "?"]
        min_count: 2
        separator: "::"
        columns: [user, film]
        join: [{file: users.dat, on: user, separator: tab}]
        """

    private func message(_ yaml: String) -> String {
        do {
            _ = try DataSchema(yaml: yaml)
            return ""
        } catch { return error.message }
    }

    @Test func `every key is read`() throws {
        let schema = try DataSchema(yaml: full)
        #expect(schema.label == LabelRule(column: "rating", positive: .init(">=4"), negative: .init("<=2")))
        #expect(schema.categorical.map(\.column) == ["user", "film", "price"])
        #expect(schema.categorical[1].buckets == 100 && schema.categorical[2].isText)
        #expect(schema.numeric == [.init("clicks", .log1p), .init("age", .standardize)])
        #expect(schema.sequences[0] == .init("watched", of: "film", separator: ";", last: 3))
        #expect(schema.sequences[1].field == nil)
        #expect(schema.fieldNames == ["user", "film", "price", "words"])
        #expect(schema.history?.keepsPositivesOnly == true && schema.history?.last == 7)
        #expect(schema.split.rule == .time && schema.split.validation == 0.2)
        #expect(schema.missing == ["", "?"] && schema.minimumCount == 2)
        #expect(schema.separator == .text("::") && schema.joins[0].separator == .text("\t"))
    }

    @Test func `what is saved with a model is read as the same schema`() throws {
        let schema = try DataSchema(yaml: full)
        #expect(try DataSchema(yaml: schema.json) == schema)
    }

    @Test func `an unknown key is named with its line and the nearest known one`() {
        let message = message("label: y\ncategoricals: [a]\n")
        #expect(message.contains("line 2") && message.contains("'categorical'"))
    }

    @Test func `what makes no sense is refused`() {
        #expect(message("categorical: [a]").contains("'label'"))
        #expect(message("label: y").contains("categorical"))
        #expect(message("label: y\ncategorical: [a, a]").contains("twice"))
        #expect(message("label: y\ncategorical: [a]\nsplit: user").contains("'user'"))
        #expect(message("label: y\ncategorical: [a]\nsplit: {by: weekday}").contains("random, user, time"))
        #expect(message("label: y\ncategorical: [film]\nsequence: {w: fim}").contains("'film'"))
        #expect(
            message("label: y\ncategorical: [a]\nsplit: {validation: 0.5, test: 0.5}").contains(
                "nothing is left"))
        #expect(message("label: [").contains("YAML"))
    }
}
