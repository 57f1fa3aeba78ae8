import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `POST /v1/embeddings` and `GET /v1/models` as OpenAI's clients call them.
///
/// Beyond that dialect: `encoding_format` may be `int8`, `binary` or `ubinary`; `layers` runs a part of the model; `truncate` cuts long texts;
/// `prompt_name` puts a prompt of the model's before them.
struct OpenAIRoutes {
    let service: EmbeddingService

    func add(to router: Router<RequestScope>) {
        router.post("v1/embeddings") { request, context in try await embeddings(request, context) }
        router.get("v1/models") { _, context in
            try context.principal.require(.read)
            return JSONWriter.response { object in
                object.member("object", "list")
                object.member("data") { writer in writer.array([service.served.name], Self.describe) }
            }
        }
        router.get("v1/models/{model}") { _, context in
            try context.principal.require(.read)
            try check(model: context.parameters.get("model"))
            var writer = JSONWriter()
            Self.describe(&writer, service.served.name)
            return writer.response()
        }
    }

    private static func describe(_ writer: inout JSONWriter, _ name: String) {
        writer.object { model in
            model.member("id", name)
            model.member("object", "model")
            model.member("created", 0)
            model.member("owned_by", "kukla")
        }
    }

    private func embeddings(_ request: Request, _ context: RequestScope) async throws -> Response {
        try context.principal.require(.read)
        let configuration = service.configuration
        let body = try await request.collect(
            upTo: configuration.maximumBody, within: configuration.timeout)
        let wanted = try EmbeddingRequest(body)
        try check(model: wanted.model)
        let size = try service.served.size(
            dimensions: wanted.dimensions, layers: wanted.layers, form: wanted.encoding.form,
            allowsUnmeasured: configuration.allowsUnmeasuredDimensions)
        guard !wanted.encoding.isPacked || size.dimensions % 8 == 0 else {
            throw APIFailure(
                .invalidRequest,
                "\(size.dimensions) dimensions cannot be packed eight into a byte: ask for a multiple of 8.",
                code: "invalid_dimensions", parameter: "dimensions")
        }
        let tokens = try service.tokenise(
            wanted.input, prompt: try prompt(wanted.promptName),
            truncates: wanted.truncates ?? configuration.truncates, parameter: "input")
        let vectors = try await service.embed(tokens, size, for: context)
        return answer(vectors, wanted.encoding, tokenCount: tokens.ids.count)
    }

    private func answer(_ vectors: Matrix, _ encoding: VectorEncoding, tokenCount: Int) -> Response {
        JSONWriter.response { object in
            object.member("object", "list")
            object.member("data") { writer in
                vectors.withUnsafeBufferPointer { all in
                    writer.array(0..<vectors.rows) { writer, row in
                        writer.object { item in
                            item.member("object", "embedding")
                            item.member("index", row)
                            item.member("embedding") { writer in
                                let columns = vectors.columns
                                encoding.write(
                                    UnsafeBufferPointer(rebasing: all[row * columns..<(row + 1) * columns]),
                                    to: &writer)
                            }
                        }
                    }
                }
            }
            object.member("model", service.served.name)
            object.member("usage") { writer in
                writer.object { usage in
                    usage.member("prompt_tokens", tokenCount)
                    usage.member("total_tokens", tokenCount)
                }
            }
        }
    }

    private func check(model: String?) throws(APIFailure) {
        guard let model else {
            throw APIFailure(
                .invalidRequest, "The request names no model.", code: "missing_model", parameter: "model")
        }
        guard model == service.served.name else {
            throw APIFailure(
                .notFound,
                "The model '\(model)' does not exist here: this server has '\(service.served.name)'.",
                code: "model_not_found", parameter: "model")
        }
    }

    private func prompt(_ name: String?) throws(APIFailure) -> String {
        guard let name else { return "" }
        let prompts = service.served.model.prompts.prompts
        guard let prompt = prompts[name] else {
            throw APIFailure(
                .invalidRequest,
                "The model has no prompt '\(name)' (it has: \(prompts.keys.sorted().joined(separator: ", "))).",
                code: "unknown_prompt", parameter: "prompt_name")
        }
        return prompt
    }
}

/// What a request to `/v1/embeddings` asks for.
struct EmbeddingRequest {
    var input = EmbeddingService.Input.texts([])
    var model: String?
    var dimensions: Int?
    var layers: Int?
    var encoding = VectorEncoding.float
    var truncates: Bool?
    var promptName: String?

    /// - Throws: `APIFailure.invalidRequest` for what is not of the dialect, members that it does not know among it.
    init(_ body: ByteBuffer) throws(APIFailure) {
        var input: EmbeddingService.Input?
        var unknown: String?
        // Closures with inout captures of self are not for initialisers.
        var (model, dimensions, layers, truncates, promptName): (String?, Int?, Int?, Bool?, String?)
        var encoding: String?
        try parseObject(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "input": input = try Self.input(&scanner)
            case "model": model = try scanner.string()
            case "dimensions": dimensions = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "layers": layers = try scanner.optional { (s) throws(JSONFault) in try s.integer() }
            case "encoding_format":
                encoding = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "truncate": truncates = try scanner.optional { (s) throws(JSONFault) in try s.boolean() }
            case "prompt_name": promptName = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "user": _ = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            default:
                unknown = unknown ?? key
                try scanner.skip()
            }
        }
        if let unknown {
            throw APIFailure(
                .invalidRequest, "Unrecognized request argument supplied: \(unknown)",
                code: "unknown_parameter", parameter: unknown)
        }
        guard let input else {
            throw APIFailure(
                .invalidRequest, "The request has no 'input'.", code: "missing_input", parameter: "input")
        }
        if case .texts(let texts) = input, let empty = texts.firstIndex(of: "") {
            throw APIFailure(
                .invalidRequest, "Text \(empty) of 'input' is empty.", code: "empty_input", parameter: "input"
            )
        }
        if let encoding {
            guard let known = VectorEncoding(rawValue: encoding) else {
                throw APIFailure(
                    .invalidRequest,
                    "Unknown encoding_format '\(encoding)': expected one of \(VectorEncoding.allCases.map(\.rawValue).joined(separator: ", ")).",
                    code: "invalid_encoding_format", parameter: "encoding_format")
            }
            self.encoding = known
        }
        self.input = input
        self.model = model
        self.dimensions = dimensions
        self.layers = layers
        self.truncates = truncates
        self.promptName = promptName
    }

    /// A string, strings, tokens, or lists of tokens.
    private static func input(_ scanner: inout JSONScanner) throws(JSONFault) -> EmbeddingService.Input {
        if scanner.peek() == UInt8(ascii: "\"") { return .texts([try scanner.string()]) }
        var texts: [String] = []
        var numbers: [Int32] = []
        var lists: [[Int32]] = []
        try scanner.array { (scanner) throws(JSONFault) in
            switch scanner.peek() {
            case UInt8(ascii: "\""): texts.append(try scanner.string())
            case UInt8(ascii: "["): lists.append(try tokens(&scanner))
            default: numbers.append(try token(&scanner))
            }
        }
        switch (texts.isEmpty, numbers.isEmpty, lists.isEmpty) {
        case (false, true, true): return .texts(texts)
        case (true, false, true): return .tokens([numbers])
        case (true, true, false): return .tokens(lists)
        case (true, true, true): throw scanner.fault("the list is empty")
        default: throw scanner.fault("texts and tokens are mixed")
        }
    }

    private static func tokens(_ scanner: inout JSONScanner) throws(JSONFault) -> [Int32] {
        var tokens: [Int32] = []
        try scanner.array { (scanner) throws(JSONFault) in tokens.append(try token(&scanner)) }
        guard !tokens.isEmpty else { throw scanner.fault("a list of tokens is empty") }
        return tokens
    }

    private static func token(_ scanner: inout JSONScanner) throws(JSONFault) -> Int32 {
        let number = try scanner.integer()
        guard let token = Int32(exactly: number) else { throw scanner.fault("\(number) is no token") }
        return token
    }
}
