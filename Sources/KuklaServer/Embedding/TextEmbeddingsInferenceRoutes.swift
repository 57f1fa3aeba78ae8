import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `/embed`, `/rerank`, `/similarity`, `/tokenize` and `/info` as clients of Hugging Face's text-embeddings-inference call them.
/// Members that the dialect does not know are ignored.
struct TextEmbeddingsInferenceRoutes {
    let service: EmbeddingService
    let version: String

    func add(to router: Router<RequestScope>) {
        router.post("embed") { request, context in try await embed(request, context) }
        router.post("rerank") { request, context in try await rerank(request, context) }
        router.post("similarity") { request, context in try await similarity(request, context) }
        router.post("tokenize") { request, context in try await tokenize(request, context) }
        router.get("info") { _, context in
            try context.principal.require(.read)
            return info()
        }
    }

    private var configuration: ServerConfiguration { service.configuration }

    private func body(_ request: Request, _ context: RequestScope) async throws -> ByteBuffer {
        try context.principal.require(.read)
        return try await request.collect(upTo: configuration.maximumBody, within: configuration.timeout)
    }

    private func fullSize() -> ModelSize {
        ModelSize(layers: service.served.model.encoder.layerCount, dimensions: service.served.dimensions)
    }

    // MARK: - Embed

    private func embed(_ request: Request, _ context: RequestScope) async throws -> Response {
        var texts: [String]?
        var (isNormalised, truncates, promptName, dimensions): (Bool, Bool?, String?, Int?) = (
            true, nil, nil, nil
        )
        try parseObject(try await body(request, context)) { (key, scanner) throws(JSONFault) in
            switch key {
            case "inputs": texts = try Self.strings(&scanner)
            case "normalize":
                isNormalised = try scanner.optional { (s) throws(JSONFault) in try s.boolean() } ?? true
            case "truncate": truncates = try scanner.optional { (s) throws(JSONFault) in try s.boolean() }
            case "prompt_name": promptName = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "dimensions": dimensions = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            default: try scanner.skip()
            }
        }
        let size = try service.served.size(
            dimensions: dimensions, layers: nil, allowsUnmeasured: configuration.allowsUnmeasuredDimensions)
        let prompts = service.served.model.prompts.prompts
        if let promptName, prompts[promptName] == nil {
            throw APIFailure(
                .invalidRequest, "The model has no prompt '\(promptName)'.", parameter: "prompt_name")
        }
        let tokens = try service.tokenise(
            .texts(try Self.need(texts, "inputs")), prompt: promptName.flatMap { prompts[$0] } ?? "",
            truncates: truncates ?? configuration.truncates, parameter: "inputs")
        var vectors = try await service.embed(tokens, size, for: context)
        if isNormalised { vectors = vectors.leadingComponents(vectors.columns) }
        var writer = JSONWriter()
        writer.array(0..<vectors.rows) { writer, row in writer.numbers(vectors.row(row)) }
        return writer.response()
    }

    // MARK: - Compare

    private func rerank(_ request: Request, _ context: RequestScope) async throws -> Response {
        var query: String?
        var texts: [String]?
        var (returnsText, truncates): (Bool, Bool?) = (false, nil)
        try parseObject(try await body(request, context)) { (key, scanner) throws(JSONFault) in
            switch key {
            case "query": query = try scanner.string()
            case "texts": texts = try Self.strings(&scanner)
            case "return_text":
                returnsText = try scanner.optional { (s) throws(JSONFault) in try s.boolean() } ?? false
            case "truncate": truncates = try scanner.optional { (s) throws(JSONFault) in try s.boolean() }
            default: try scanner.skip()
            }
        }
        let found = try Self.need(texts, "texts")
        let scores = try await cosines(
            of: try Self.need(query, "query"), found, truncates ?? configuration.truncates, context)
        let order = scores.indices.sorted { scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1) }
        var writer = JSONWriter()
        writer.array(order) { writer, place in
            writer.object { item in
                item.member("index", place)
                item.member("score", scores[place])
                if returnsText { item.member("text", found[place]) }
            }
        }
        return writer.response()
    }

    private func similarity(_ request: Request, _ context: RequestScope) async throws -> Response {
        var source: String?
        var sentences: [String]?
        var truncates: Bool?
        try parseObject(try await body(request, context)) { (key, scanner) throws(JSONFault) in
            switch key {
            case "inputs":
                try scanner.object { (key, scanner) throws(JSONFault) in
                    switch key {
                    case "source_sentence": source = try scanner.string()
                    case "sentences": sentences = try Self.strings(&scanner)
                    default: try scanner.skip()
                    }
                }
            case "parameters":
                try scanner.object { (key, scanner) throws(JSONFault) in
                    if key == "truncate" {
                        truncates = try scanner.optional { (s) throws(JSONFault) in try s.boolean() }
                    } else {
                        try scanner.skip()
                    }
                }
            default: try scanner.skip()
            }
        }
        let scores = try await cosines(
            of: try Self.need(source, "inputs.source_sentence"), try Self.need(sentences, "inputs.sentences"),
            truncates ?? configuration.truncates, context)
        var writer = JSONWriter()
        writer.numbers(scores)
        return writer.response()
    }

    /// The cosines between a text and others.
    private func cosines(
        of text: String, _ others: [String], _ truncates: Bool, _ context: RequestScope
    ) async throws -> [Float] {
        let tokens = try service.tokenise(
            .texts([text] + others), truncates: truncates, parameter: "texts")
        let vectors = try await service.embed(tokens, fullSize(), for: context)
        let unit = vectors.leadingComponents(vectors.columns)
        let first = unit.row(0)
        return (1..<unit.rows).map { row in zip(first, unit.row(row)).reduce(0) { $0 + $1.0 * $1.1 } }
    }

    // MARK: - Look at

    private func tokenize(_ request: Request, _ context: RequestScope) async throws -> Response {
        var texts: [String]?
        var withSpecial = true
        try parseObject(try await body(request, context)) { (key, scanner) throws(JSONFault) in
            switch key {
            case "inputs": texts = try Self.strings(&scanner)
            case "add_special_tokens":
                withSpecial = try scanner.optional { (s) throws(JSONFault) in try s.boolean() } ?? true
            default: try scanner.skip()
            }
        }
        let tokenizer = service.served.model.tokenizer
        let ends = tokenizer.specialTokenCounts
        var writer = JSONWriter()
        writer.array(try Self.need(texts, "inputs")) { writer, text in
            let ids = tokenizer.encode(text).ids
            writer.array(
                ids.indices.filter { withSpecial || ($0 >= ends.leading && $0 < ids.count - ends.trailing) }
            ) {
                writer, place in
                writer.object { token in
                    token.member("id", Int(ids[place]))
                    token.member("text", tokenizer.token(ids[place]))
                    token.member("special", place < ends.leading || place >= ids.count - ends.trailing)
                }
            }
        }
        return writer.response()
    }

    private func info() -> Response {
        let served = service.served
        return JSONWriter.response { object in
            object.member("model_id", served.name)
            object.member("model_sha") { $0.null() }
            object.member("model_dtype", served.precision == .int8 ? "int8" : "float32")
            object.member("model_type") { writer in
                writer.object { type in
                    type.member("embedding") { writer in
                        writer.object { $0.member("pooling", service.served.model.encoder.pooling) }
                    }
                }
            }
            object.member("max_concurrent_requests", configuration.batching.capacity)
            object.member("max_input_length", served.model.encoder.maximumLength)
            object.member("max_batch_tokens", configuration.batching.maximumTokens)
            object.member("max_client_batch_size", EmbeddingService.maximumInputs)
            object.member("auto_truncate", configuration.truncates)
            object.member("tokenization_workers", configuration.threads)
            object.member("version", version)
        }
    }

    private static func need<Value>(_ value: Value?, _ name: String) throws(APIFailure) -> Value {
        guard let value else {
            throw APIFailure(.invalidRequest, "The request has no '\(name)'.", parameter: name)
        }
        return value
    }

    /// A string or strings.
    private static func strings(_ scanner: inout JSONScanner) throws(JSONFault) -> [String] {
        if scanner.peek() == UInt8(ascii: "\"") { return [try scanner.string()] }
        var texts: [String] = []
        try scanner.array { (scanner) throws(JSONFault) in texts.append(try scanner.string()) }
        return texts
    }
}
