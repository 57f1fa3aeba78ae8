import HTTPTypes
import KuklaStore

/// Models of clicks.
extension OpenAPIDocument {
    static let ranking: [APIOperation] = [
        APIOperation(
            method: .get, path: "/rank", id: "listClickModels",
            summary: "The models of clicks, and the columns that each wants", tag: "Ranking", scope: .read,
            answer: .json(
                .object(["models": .array(of: clickModel)]), "The models.")),
        APIOperation(
            method: .post, path: "/rank", id: "rank", summary: "Probabilities of clicks for rows",
            tag: "Ranking", scope: .read,
            body: .json(
                JSONSchema.object(
                    [
                        "model": JSONSchema.string().orNull.described(
                            "The model's name; may be left out where there is one."),
                        "rows": JSONSchema.any(
                            of: row, .array(of: row, atLeast: 1, atMost: RankBody.maximumRows)
                        ).described("One row, or several that share the history."),
                        "history": JSONSchema.array(of: .any(of: row, text)).described(
                            "What the user did before, oldest first, for a model with a history: columns by name, or the value where the history has one column."
                        ),
                    ], required: ["rows"]
                ).example(
                    .object([
                        "rows": .array([
                            .object(["user": .string("u17"), "film": .string("Solaris"), "age": .integer(31)])
                        ])
                    ]))),
            answer: .json(
                .object(["model": .string(), "probabilities": .array(of: .float)]),
                "A number from 0 to 1 for each row, in their order."), failures: [404]),
    ]

    private static let text = JSONSchema.any(of: .string(), .number())
    private static let row = JSONSchema.dictionary(
        of: .any(of: text, .null, .array(of: text))
    ).described(
        "Columns by name; null where a value is missing; an array, or a text with separators, for a list.")

    private static let clickModel = JSONSchema.object([
        "name": .string(), "network": .string(), "table": .string(), "table_bytes": .count,
        "label": .string(), "categorical": .array(of: .string()), "numeric": .array(of: .string()),
        "lists": .array(of: .string()), "history": .array(of: .string()),
    ])
}
