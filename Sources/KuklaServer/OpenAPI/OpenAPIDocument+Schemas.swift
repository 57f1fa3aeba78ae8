import KuklaStore

/// The shapes that several operations share.
extension OpenAPIDocument {
    /// Names of collections, aliases and snapshots.
    static let name = JSONSchema.string(
        atLeast: 1, atMost: 100, pattern: #"^[0-9A-Za-z](?:[0-9A-Za-z_-]|\.(?!\.))*$"#)
    /// Ids of items: whole numbers, or texts without NUL.
    static let id = JSONSchema.any(
        of: .integer(0...Int64.max), .string(atLeast: 1, atMost: 1024, pattern: #"^[^\u0000]+$"#))
    static let vector = JSONSchema.array(of: .float, atLeast: 1, atMost: 65_536)
    static let metadata = JSONSchema.members.described("Any JSON; filters look at it.")
    static let filter = JSONSchema.members.described(
        "A condition on metadata: `{\"lang\": \"en\", \"year\": {\"$gte\": 2020}}`. Operators: $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $exists, $contains, $and, $or, $not."
    )
    static let written = JSONSchema.object(["inserted": .count, "replaced": .count])

    static var schemas: [String: JSONSchema] {
        [
            "Error": error, "InferenceError": inferenceError, "Collection": collection, "Item": item,
            "NewItem": newItem, "Hit": hit, "SearchRequest": searchRequest, "SearchAnswer": searchAnswer,
            "Plan": plan, "NewCollection": newCollection, "NewReencoding": newReencoding,
            "Reencoding": reencoding,
        ]
    }

    private static let error = JSONSchema.object([
        "error": .object([
            "message": .string(atLeast: 1),
            "type": .choice([
                "invalid_request_error", "not_found_error", "authentication_error", "permission_error",
                "rate_limit_error", "server_error",
            ]),
            "param": JSONSchema.string().orNull.described("The member or parameter at fault."),
            "code": JSONSchema.string().orNull.described("A word that programs may compare."),
        ])
    ])

    private static let inferenceError = JSONSchema.object([
        "error": .string(atLeast: 1),
        "error_type": .choice(["Validation", "Tokenizer", "Overloaded", "Backend", "Unhealthy"]),
    ])

    private static let fittedPlan = JSONSchema.object(
        [
            "budget": JSONSchema.number(over: 0).described("Bytes of memory a vector."),
            "fit_at": JSONSchema.integer(20...1_000_000_000).orNull.described(
                "Items from which on a plan is fitted; 1000 where left out."),
        ], required: ["budget"])

    private static let planChoice = JSONSchema.any(
        of: JSONSchema.string(atLeast: 1).described("A factory string, such as SQ8 or HNSW32,SQ8."),
        fittedPlan)

    private static let newCollection = JSONSchema.object(
        [
            "dimensions": JSONSchema.integer(1...65_536).orNull.described("The model's where left out."),
            "metric": JSONSchema.choice(["cosine", "ip", "l2"]).otherwise(.string("cosine")),
            "vector_format": JSONSchema.choice(["float32", "float16"]).otherwise(.string("float32")),
            "plan": planChoice.described("How vectors are indexed: F32 (exact) where left out."),
            "model": JSONSchema.string().orNull.described(
                "What makes the vectors; the server's model where left out."),
        ], required: []
    ).example(
        .object(["dimensions": .integer(384), "plan": .string("SQ8")]))

    private static let collection = JSONSchema.object([
        "name": name, "count": .count,
        "operation": JSONSchema.count.described("The number of the last operation."),
        "dimensions": .integer(1...65_536), "metric": .choice(["cosine", "ip", "l2"]),
        "vector_format": .choice(["float32", "float16"]), "plan": planChoice,
        "model": JSONSchema.string().orNull,
        "models": JSONSchema.array(of: model).described(
            "Models that made the vectors, where that is known."),
        "index": JSONSchema.object([
            "configuration": .string(), "count": .count, "deleted": .count, "trained_on": .count,
            "bytes_per_vector": .number(), "file_bytes": .count,
        ]).orNull,
        "fresh": JSONSchema.count.described("Items that are compared from memory."),
        "unheld": JSONSchema.count.described("Items that are compared from the database."),
        "database_bytes": .count, "indexed_paths": .array(of: .string()),
    ])

    private static let model = JSONSchema.object([
        "name": .string(), "digest": .string(pattern: "^[0-9a-f]{64}$"),
    ])

    private static let newReencoding = JSONSchema.object(
        [
            "dimensions": JSONSchema.integer(1...65_536).orNull.described(
                "Leading dimensions of the model; all where left out."),
            "metric": JSONSchema.choice(["cosine", "ip", "l2"]).orNull.described(
                "As it was where left out."),
            "plan": planChoice.orNull.described("As it was where left out."),
            "restart": JSONSchema.boolean.otherwise(.boolean(false)).described(
                "Throws away what an interrupted run did."),
        ], required: []
    ).example(.object(["plan": .string("SQ8")]))

    private static let reencoding = JSONSchema.object([
        "state": .choice(["none", "running", "finished", "failed", "unfinished"]),
        "model": model.orNull.described("The model that the texts are embedded with."),
        "stage": JSONSchema.string().orNull, "done": JSONSchema.count.orNull,
        "total": JSONSchema.count.orNull, "per_second": JSONSchema.number().orNull,
        "seconds_left": JSONSchema.number().orNull, "message": JSONSchema.string().orNull,
    ])

    private static let item = JSONSchema.object(
        [
            "id": id, "text": JSONSchema.string().orNull, "metadata": metadata,
            "vector": .array(of: .number()),
        ],
        required: ["id", "text", "metadata"])

    /// Members beside these count as metadata, as in lines of an import.
    private static let newItem = JSONSchema.object(
        [
            "id": id, "text": JSONSchema.string(pattern: #"^[^\u0000]*$"#).orNull,
            "metadata": JSONSchema.members.orNull, "vector": vector,
        ], required: ["id"], isOpen: true
    ).having(any: [["vector"], ["text"]]).described(
        "A text without a vector is embedded by the server's model. Other members are metadata too.")

    private static let hit = JSONSchema.object(
        [
            "id": id, "score": JSONSchema.number().described("Larger is better."),
            "distance": JSONSchema.number().orNull, "vector_rank": JSONSchema.count.orNull,
            "text_rank": JSONSchema.count.orNull,
            "text": JSONSchema.string().orNull, "metadata": metadata, "vector": .array(of: .number()),
        ], required: ["id", "score", "distance", "vector_rank", "text_rank", "metadata"])

    private static let searchRequest = JSONSchema.object(
        [
            "vector": vector.orNull, "text": JSONSchema.string().orNull,
            "by": JSONSchema.choice(["words", "vector", "both"]).orNull.described(
                "By what a text finds; both where the server's model is the collection's, else words."),
            "k": JSONSchema.integer(1...10_000).otherwise(.integer(10)), "where": filter.orNull,
            "effort": JSONSchema.integer(1...100_000).orNull.described(
                "How thorough a graph or lists search."),
            "candidates": JSONSchema.integer(1...100_000).orNull.described(
                "How many of the best by codes are compared by their vectors; at least `k`."),
            "recall": JSONSchema.share.orNull.described(
                "The share of the best items that is to be found; not beside `effort` and `candidates`."),
            "explain": JSONSchema.boolean.otherwise(.boolean(false)),
            "with_vectors": JSONSchema.boolean.otherwise(.boolean(false)),
            "with_text": JSONSchema.boolean.otherwise(.boolean(true)),
        ], required: []
    ).having(any: [["vector"], ["text"]]).example(
        .object([
            "text": .string("the logo"), "k": .integer(5), "where": .object(["lang": .string("en")]),
        ]))

    private static let searchAnswer = JSONSchema.object(
        [
            "hits": .array(of: .named("Hit")),
            "timing": .object(["embed_ms": .number(), "search_ms": .number()]),
            "explain": JSONSchema.members.described("How the search went, where that was asked for."),
        ], required: ["hits", "timing"])

    private static let plan = JSONSchema.object([
        "configuration": .string(), "effort": JSONSchema.count.orNull, "reason": .string(),
        "fit": JSONSchema.object([
            "operation": .count, "count": .count, "reason": .string(),
        ]).orNull, "report": JSONSchema.members.orNull,
        "recall": JSONSchema.members.orNull.described("What searches were measured to find."),
    ])
}
