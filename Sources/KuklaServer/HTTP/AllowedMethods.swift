import HTTPTypes
import Hummingbird
import KuklaNumerics

/// Answers 405, and which methods there are, where a path is known and the method is not.
struct AllowedMethods: RouterMiddleware {
    typealias Context = RequestScope

    private struct Route {
        /// Parts of the path; nil for what may be anything.
        let parts: [Substring?]
        let method: HTTPRequest.Method
    }

    private let routes = Guarded([Route]())

    /// Looks at all routes of `router`; called when they are all there.
    func learn(from router: Router<RequestScope>) {
        let found = router.routes.flatMap { route in
            let parts = Self.parts(route.path.description).map { $0.hasPrefix("{") ? nil : $0 }
            // The router makes HEAD of GET.
            let methods = route.method == .get ? [.get, .head] : [route.method]
            return methods.map { Route(parts: parts, method: $0) }
        }
        routes.withLock { $0 = found }
    }

    @concurrent func handle(
        _ request: Request, context: RequestScope,
        next: @concurrent (Request, RequestScope) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch let error as HTTPError
            where error.status == .notFound
        {
            let allowed = methods(of: request.uri.path)
            // A parameter that cannot be decoded makes a known path and method unknown.
            guard !allowed.isEmpty, !allowed.contains(request.method.rawValue) else { throw error }
            let list = allowed.joined(separator: ", ")
            var response = Dialect(path: request.uri.path).response(
                to: APIFailure(
                    .methodNotAllowed,
                    "\(request.method.rawValue) is no method of this path: it has \(list).",
                    code: "method_not_allowed"))
            response.headers[.allow] = list
            return response
        }
    }

    private func methods(of path: String) -> [String] {
        let parts = Self.parts(path)
        let fitting = routes.withLock { $0 }.filter { route in
            route.parts.count == parts.count
                && zip(route.parts, parts).allSatisfy { $0 == nil || $0 == $1 }
        }
        return Set(fitting.map(\.method.rawValue)).sorted()
    }

    private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
}
