import KuklaStore

/// What a JSON value must look like: a JSON Schema (draft 2020-12) as OpenAPI 3.1 uses it.
struct JSONSchema {
    private(set) var keywords: [String: JSONValue]

    private init(_ keywords: [String: JSONValue]) { self.keywords = keywords }

    private init(type: String, _ keywords: [String: JSONValue?] = [:]) {
        self.keywords = keywords.compactMapValues(\.self)
        self.keywords["type"] = .string(type)
    }

    var json: JSONValue { .object(keywords) }

    // MARK: - Kinds

    static let boolean = JSONSchema(type: "boolean")
    static let null = JSONSchema(type: "null")
    static let anything = JSONSchema([:])
    /// Any object.
    static let members = JSONSchema(type: "object")

    static func string(
        atLeast minimum: Int? = nil, atMost maximum: Int? = nil, pattern: String? = nil
    ) -> JSONSchema {
        JSONSchema(
            type: "string",
            [
                "minLength": minimum.map { .integer(Int64($0)) },
                "maxLength": maximum.map { .integer(Int64($0)) }, "pattern": pattern.map { .string($0) },
            ])
    }

    static func integer(_ range: ClosedRange<Int64>? = nil) -> JSONSchema {
        JSONSchema(
            type: "integer",
            [
                "minimum": range.map { .integer($0.lowerBound) },
                "maximum": range.map { .integer($0.upperBound) },
            ])
    }

    /// A whole number from 0.
    static let count = JSONSchema(type: "integer", ["minimum": .integer(0)])

    static func number(over minimum: Double? = nil) -> JSONSchema {
        JSONSchema(type: "number", ["exclusiveMinimum": minimum.map { .real($0) }])
    }

    /// Above 0, at most 1.
    static let share = JSONSchema(type: "number", ["exclusiveMinimum": .real(0), "maximum": .real(1)])

    /// A number that a float32 can hold.
    static let float = JSONSchema(type: "number", ["minimum": .real(-3.4e38), "maximum": .real(3.4e38)])

    static func choice(_ words: [String]) -> JSONSchema {
        JSONSchema(type: "string", ["enum": .array(words.map { .string($0) })])
    }

    static func array(
        of element: JSONSchema, atLeast minimum: Int? = nil, atMost maximum: Int? = nil
    ) -> JSONSchema {
        JSONSchema(
            type: "array",
            [
                "items": element.json, "minItems": minimum.map { .integer(Int64($0)) },
                "maxItems": maximum.map { .integer(Int64($0)) },
            ])
    }

    /// An object of these members.
    ///
    /// - Parameter isOpen: whether it may have others.
    static func object(
        _ members: KeyValuePairs<String, JSONSchema>, required: [String]? = nil, isOpen: Bool = false
    ) -> JSONSchema {
        let required = required ?? members.map(\.key)
        return JSONSchema(
            type: "object",
            [
                "properties": .object(
                    Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value.json) })),
                "required": required.isEmpty ? nil : .array(required.map { .string($0) }),
                "additionalProperties": isOpen ? nil : .boolean(false),
            ])
    }

    /// An object whose members have any name.
    static func dictionary(of value: JSONSchema) -> JSONSchema {
        JSONSchema(type: "object", ["additionalProperties": value.json])
    }

    static func any(of schemas: JSONSchema...) -> JSONSchema {
        JSONSchema(["anyOf": .array(schemas.map(\.json))])
    }

    /// A schema among the document's components.
    static func named(_ name: String) -> JSONSchema {
        JSONSchema(["$ref": .string("#/components/schemas/\(name)")])
    }

    // MARK: - Changes

    var orNull: JSONSchema { .any(of: self, .null) }

    func described(_ text: String) -> JSONSchema { adding("description", .string(text)) }

    func example(_ value: JSONValue) -> JSONSchema { adding("examples", .array([value])) }

    func otherwise(_ value: JSONValue) -> JSONSchema { adding("default", value) }

    /// An object with at least one of the members, or one set of them.
    func having(any sets: [[String]]) -> JSONSchema {
        adding(
            "anyOf",
            .array(sets.map { .object(["required": .array($0.map { .string($0) })]) }))
    }

    /// An object with exactly one of the members.
    func having(oneOf members: [String]) -> JSONSchema {
        adding(
            "oneOf",
            .array(members.map { .object(["required": .array([.string($0)])]) }))
    }

    private func adding(_ keyword: String, _ value: JSONValue) -> JSONSchema {
        var schema = self
        schema.keywords[keyword] = value
        return schema
    }
}
