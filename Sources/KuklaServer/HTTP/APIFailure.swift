import KuklaNumerics

/// Why a request is not answered as it asked: what the error bodies of all dialects are made of.
struct APIFailure: Error {
    /// What kind of failure it is; decides the status.
    enum Kind: Sendable {
        case invalidRequest, authentication, permission, notFound, methodNotAllowed, conflict, timeout,
            tooLarge
        case rateLimited, overloaded, unavailable, server
        /// Nobody waits for the answer any more.
        case clientGone
    }

    let kind: Kind
    let message: String
    /// A word that programs may compare.
    var code: String?
    /// The member of the request at fault.
    var parameter: String?
    /// Seconds after which asking again may help.
    var retryAfter: Int?

    init(
        _ kind: Kind, _ message: String, code: String? = nil, parameter: String? = nil, retryAfter: Int? = nil
    ) {
        self.kind = kind
        self.message = message
        self.code = code
        self.parameter = parameter
        self.retryAfter = retryAfter
    }

    /// What went wrong below. Bad usage is the client's; so are bad data where `data` came with the request.
    init(_ error: KuklaError, dataIsRequest: Bool = false) {
        switch error.code {
        case .usage, .unsupported: self.init(.invalidRequest, error.message)
        case .badData where dataIsRequest: self.init(.invalidRequest, error.message)
        case .cancelled: self.init(.unavailable, error.message)
        // What lies on this machine is nobody else's affair: the log has the sentence.
        default: self.init(.server, "The server could not do this; its log says why under this request's id.")
        }
    }

    var status: Int {
        switch kind {
        case .invalidRequest: 400
        case .authentication: 401
        case .permission: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .timeout: 408
        case .conflict: 409
        case .tooLarge: 413
        case .rateLimited, .overloaded: 429
        case .clientGone: 499
        case .server: 500
        case .unavailable: 503
        }
    }
}
