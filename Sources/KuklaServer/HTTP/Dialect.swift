import HTTPTypes
import Hummingbird

/// Whose error bodies a path speaks.
enum Dialect {
    /// `{"error": {"message", "type", "param", "code"}}`
    case openAI
    /// `{"error", "error_type"}`, of Hugging Face's text-embeddings-inference.
    case textEmbeddingsInference

    init(path: String) {
        self =
            ["/embed", "/rerank", "/similarity", "/tokenize", "/info"].contains(path)
            ? .textEmbeddingsInference : .openAI
    }

    func response(to failure: APIFailure) -> Response {
        var writer = JSONWriter()
        switch self {
        case .openAI:
            writer.object { object in
                object.member("error") { writer in
                    writer.object { error in
                        error.member("message", failure.message)
                        error.member("type", failure.openAIType)
                        error.member("param", failure.parameter)
                        error.member("code", failure.code)
                    }
                }
            }
        case .textEmbeddingsInference:
            writer.object { object in
                object.member("error", failure.message)
                object.member("error_type", failure.inferenceType)
            }
        }
        // Text-embeddings-inference answers 422 where others answer 400.
        let status = self == .textEmbeddingsInference && failure.status == 400 ? 422 : failure.status
        var response = writer.response(status: .init(code: status))
        if let seconds = failure.retryAfter { response.headers[.retryAfter] = String(seconds) }
        if failure.kind == .authentication { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}

extension APIFailure {
    fileprivate var openAIType: String {
        switch kind {
        case .authentication: "authentication_error"
        case .permission: "permission_error"
        case .notFound: "not_found_error"
        case .rateLimited, .overloaded: "rate_limit_error"
        case .server, .unavailable: "server_error"
        default: "invalid_request_error"
        }
    }

    fileprivate var inferenceType: String {
        switch kind {
        case .rateLimited, .overloaded: "Overloaded"
        case .server: "Backend"
        case .unavailable: "Unhealthy"
        default: "Validation"
        }
    }
}
