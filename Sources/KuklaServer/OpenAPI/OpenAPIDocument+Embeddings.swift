import HTTPTypes
import KuklaStore

/// What embeds texts, in two dialects, and how the server is.
extension OpenAPIDocument {
    private static let texts = JSONSchema.any(
        of: .string(), .array(of: .string(), atLeast: 1, atMost: EmbeddingService.maximumInputs))
    private static let tokens = JSONSchema.array(of: .integer(0...Int64(Int32.max)), atLeast: 1)
    private static let numbers = JSONSchema.array(of: .number())

    static let embeddings: [APIOperation] = [
        APIOperation(
            method: .post, path: "/v1/embeddings", id: "createEmbeddings", summary: "Vectors of texts",
            tag: "Embeddings", scope: .read,
            body: .json(
                JSONSchema.object(
                    [
                        "model": .string(atLeast: 1),
                        "input": .any(
                            of: .string(atLeast: 1),
                            .array(
                                of: .string(atLeast: 1), atLeast: 1, atMost: EmbeddingService.maximumInputs),
                            tokens, .array(of: tokens, atLeast: 1, atMost: EmbeddingService.maximumInputs)),
                        "dimensions": JSONSchema.integer(1...65_536).orNull,
                        "layers": JSONSchema.integer(1...1000).orNull,
                        "encoding_format": JSONSchema.choice(VectorEncoding.allCases.map(\.rawValue)).orNull,
                        "truncate": JSONSchema.boolean.orNull, "prompt_name": JSONSchema.string().orNull,
                        "user": JSONSchema.string().orNull,
                    ], required: ["model", "input"]
                ).example(.object(["model": .string("my-model"), "input": .string("a text")]))),
            answer: .json(
                .object([
                    "object": .choice(["list"]),
                    "data": .array(
                        of: .object([
                            "object": .choice(["embedding"]), "index": .count,
                            "embedding": .any(of: numbers, .string()),
                        ])),
                    "model": .string(),
                    "usage": .object(["prompt_tokens": .count, "total_tokens": .count]),
                ]), "The vectors, in the order of the texts."), failures: [404, 503]),
        APIOperation(
            method: .get, path: "/v1/models", id: "listModels", summary: "The model", tag: "Embeddings",
            scope: .read,
            answer: .json(
                .object(["object": .choice(["list"]), "data": .array(of: model)]), "A list of one.")),
        APIOperation(
            method: .get, path: "/v1/models/{model}", id: "getModel", summary: "The model of this name",
            tag: "Embeddings", scope: .read, parameters: [.path("model", .string(atLeast: 1), "Its name.")],
            answer: .json(model, "The model."), failures: [404]),
    ]

    private static let model = JSONSchema.object([
        "id": .string(), "object": .choice(["model"]), "created": .integer(), "owned_by": .string(),
    ])

    static let inference: [APIOperation] = [
        infer(
            "embed", "Vectors of texts",
            .object(
                [
                    "inputs": texts, "normalize": JSONSchema.boolean.orNull,
                    "truncate": JSONSchema.boolean.orNull, "prompt_name": JSONSchema.string().orNull,
                    "dimensions": JSONSchema.integer(1...65_536).orNull,
                ], required: ["inputs"], isOpen: true), .array(of: numbers)),
        infer(
            "rerank", "Texts in the order of their likeness to a query",
            .object(
                [
                    "query": .string(), "texts": texts, "return_text": JSONSchema.boolean.orNull,
                    "truncate": JSONSchema.boolean.orNull,
                ], required: ["query", "texts"], isOpen: true),
            .array(
                of: .object(
                    ["index": .count, "score": JSONSchema.number().orNull, "text": .string()],
                    required: ["index", "score"]))),
        infer(
            "similarity", "Likeness of texts to one",
            .object(
                [
                    "inputs": .object(
                        ["source_sentence": .string(), "sentences": texts],
                        required: ["source_sentence", "sentences"], isOpen: true),
                    "parameters": .object(
                        ["truncate": JSONSchema.boolean.orNull], required: [], isOpen: true),
                ], required: ["inputs"], isOpen: true), numbers),
        infer(
            "tokenize", "Texts as the model reads them",
            .object(
                ["inputs": texts, "add_special_tokens": JSONSchema.boolean.orNull], required: ["inputs"],
                isOpen: true),
            .array(
                of: .array(of: .object(["id": .count, "text": .string(), "special": .boolean])))),
        APIOperation(
            method: .get, path: "/info", id: "getInfo", summary: "What the model can take",
            tag: "Inference", scope: .read, answer: .json(.members, "The figures."), isInference: true),
    ]

    private static func infer(
        _ name: String, _ summary: String, _ body: JSONSchema, _ answer: JSONSchema
    ) -> APIOperation {
        APIOperation(
            method: .post, path: "/\(name)", id: name, summary: summary, tag: "Inference", scope: .read,
            body: .json(body), answer: .json(answer, "As text-embeddings-inference answers."),
            failures: [503], isInference: true)
    }

    static let status: [APIOperation] = [
        APIOperation(
            method: .get, path: "/healthz", id: "getHealth", summary: "Whether the server lives",
            tag: "Status", scope: nil, answer: .json(.object(["status": .choice(["ok"])]), "It does.")),
        APIOperation(
            method: .get, path: "/readyz", id: "getReadiness",
            summary: "Whether all collections are open", tag: "Status", scope: nil,
            answer: .json(.object(["status": .choice(["ready"])]), "They are."),
            others: [.json(.object(["status": .choice(["starting"])]), "Not yet.", status: 503)]),
        APIOperation(
            method: .get, path: "/metrics", id: "getMetrics", summary: "Figures for Prometheus",
            tag: "Status", scope: .read,
            answer: APIOperation.Answer(
                status: 200, type: "text/plain", schema: .string(), about: "Text of Prometheus 0.0.4.")),
        APIOperation(
            method: .get, path: "/status", id: "getStatus", summary: "How the server is", tag: "Status",
            scope: .read, answer: .json(.members, "Figures.")),
        APIOperation(
            method: .get, path: "/openapi.json", id: "getDocument", summary: "This document",
            tag: "Status", scope: nil, answer: .json(.members, "This document.")),
    ]
}
