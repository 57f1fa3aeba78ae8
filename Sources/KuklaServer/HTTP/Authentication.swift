import Foundation
import HTTPTypes
import Hummingbird

/// Finds out who asks. Where the server has keys, everything but the public paths needs one.
struct Authentication: RouterMiddleware {
    typealias Context = RequestScope

    /// The keys; nil where the server has none.
    let keys: KeyRing?

    /// What anybody may ask for: whether the server lives, how to call it, and the page that asks for a key.
    static let publicPaths: Set<String> = ["/", "/healthz", "/readyz", "/openapi.json", "/favicon.ico"]

    @concurrent func handle(
        _ request: Request, context: RequestScope,
        next: @concurrent (Request, RequestScope) async throws -> Response
    ) async throws -> Response {
        var context = context
        if let keys {
            if let secret = Self.secret(of: request) {
                context.principal = try keys.principal(holding: secret, now: Date())
            } else if !Self.publicPaths.contains(request.uri.path) {
                throw APIFailure(
                    .authentication, "This server needs an API key: 'Authorization: Bearer KEY'.",
                    code: "missing_api_key")
            }
        } else {
            context.principal = .anyone
        }
        return try await next(request, context)
    }

    private static func secret(of request: Request) -> String? {
        guard let header = request.headers[.authorization] else { return nil }
        let words = header.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return words[1].trimmingCharacters(in: .whitespaces)
    }
}
