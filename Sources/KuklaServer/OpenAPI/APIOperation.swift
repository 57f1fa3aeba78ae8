import HTTPTypes
import KuklaStore

/// What the OpenAPI document says of one method of a path.
struct APIOperation {
    /// What stands in the path or the query.
    struct Parameter {
        enum Place: String { case path, query }

        let name: String
        let place: Place
        let schema: JSONSchema
        let about: String

        static func path(_ name: String, _ schema: JSONSchema, _ about: String) -> Parameter {
            Parameter(name: name, place: .path, schema: schema, about: about)
        }

        static func query(_ name: String, _ schema: JSONSchema, _ about: String) -> Parameter {
            Parameter(name: name, place: .query, schema: schema, about: about)
        }
    }

    /// What is sent.
    struct Body {
        let type: String
        let schema: JSONSchema
        let isRequired: Bool

        static func json(_ schema: JSONSchema, isRequired: Bool = true) -> Body {
            Body(type: "application/json", schema: schema, isRequired: isRequired)
        }
    }

    /// What comes back where all is well.
    struct Answer {
        let status: Int
        let type: String
        let schema: JSONSchema
        let about: String

        static func json(_ schema: JSONSchema, _ about: String, status: Int = 200) -> Answer {
            Answer(status: status, type: "application/json", schema: schema, about: about)
        }
    }

    let method: HTTPRequest.Method
    let path: String
    /// A name for programs.
    let id: String
    let summary: String
    let tag: String
    /// What a key must allow; nil for what needs none.
    let scope: APIKey.Scope?
    var parameters: [Parameter] = []
    var body: Body?
    let answer: Answer
    /// Further statuses that are no surprise.
    var failures: [Int] = []
    /// Further answers that are no errors.
    var others: [Answer] = []
    /// Whether errors are those of text-embeddings-inference.
    var isInference = false

    /// The operation as the document has it.
    ///
    /// - Parameter hasKeys: whether the server asks for keys.
    func json(hasKeys: Bool) -> JSONValue {
        var members: [String: JSONValue] = [
            "operationId": .string(id), "summary": .string(summary), "tags": .array([.string(tag)]),
            "responses": .object(responses(hasKeys)),
        ]
        if !parameters.isEmpty { members["parameters"] = .array(parameters.map(\.json)) }
        if let body {
            members["requestBody"] = .object([
                "required": .boolean(body.isRequired), "content": Self.content(body.type, body.schema),
            ])
        }
        if hasKeys {
            members["security"] = .array(scope == nil ? [] : [.object(["key": .array([])])])
        }
        if let scope {
            members["description"] = .string(
                "Needs a key of the scope `\(scope.rawValue)` where the server has keys.")
        }
        return .object(members)
    }

    private func responses(_ hasKeys: Bool) -> [String: JSONValue] {
        var all: [String: JSONValue] = [:]
        for answer in [answer] + others {
            all[String(answer.status)] = .object([
                "description": .string(answer.about), "content": Self.content(answer.type, answer.schema),
                "headers": Self.headers,
            ])
        }
        var statuses = Set(failures).union([429, 500])
        if hasKeys, scope != nil { statuses.formUnion([401, 403]) }
        if body != nil { statuses.formUnion([isInference ? 422 : 400, 408, 413]) }
        if !parameters.isEmpty { statuses.insert(400) }
        let schema = JSONSchema.named(isInference ? "InferenceError" : "Error")
        for status in statuses {
            all[String(status)] = .object([
                "description": .string(Self.meanings[status] ?? "An error."),
                "content": Self.content("application/json", schema), "headers": Self.headers,
            ])
        }
        return all
    }

    private static func content(_ type: String, _ schema: JSONSchema) -> JSONValue {
        .object([type: .object(["schema": schema.json])])
    }

    private static let headers = JSONValue.object([
        "x-request-id": .object([
            "description": .string("The request's own id, or one that the server made: logs name it."),
            "schema": JSONSchema.string(atLeast: 1, atMost: 128).json,
        ])
    ])

    private static let meanings = [
        400: "The request is wrong; the sentence says where.",
        401: "There is no key, or it is none of this server's.",
        403: "The key does not allow this.", 404: "What the path names is not there.",
        408: "The body, or the turn of the request, took too long.",
        409: "What is there already is in the way.", 413: "The body is too large.",
        422: "The request is wrong; the sentence says where.",
        429: "Too many requests, or too many texts that wait: `Retry-After` says when to come again.",
        500: "The server could not do this; its log says why.", 503: "The server is starting or ending.",
    ]
}

extension APIOperation.Parameter {
    fileprivate var json: JSONValue {
        .object([
            "name": .string(name), "in": .string(place.rawValue), "required": .boolean(place == .path),
            "schema": schema.json, "description": .string(about),
        ])
    }
}
