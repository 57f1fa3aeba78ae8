import HTTPTypes
import Hummingbird
import KuklaNumerics
import Logging

/// Gives each request its id, turns what is thrown into an answer of its dialect, and counts and logs what became of it.
struct Observation: RouterMiddleware {
    typealias Context = RequestScope

    let metrics: ServerMetrics

    private static let requestID = HTTPField.Name("x-request-id")!

    @concurrent func handle(
        _ request: Request, context: RequestScope,
        next: @concurrent (Request, RequestScope) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        // Who asks may name the request; what is no plain word is not repeated in logs.
        let given = request.headers[Self.requestID].flatMap { Self.isPlain($0) ? $0 : nil }
        let id = given ?? context.id
        context.logger[metadataKey: "hb.request.id"] = nil
        context.logger[metadataKey: "request_id"] = .string(id)
        metrics.requestBegins()
        var response = await answer(request, context, next)
        response.headers[Self.requestID] = id
        let seconds = start.duration(to: .now) / .seconds(1)
        let route = context.endpointPath ?? "none"
        metrics.requestEnds(
            method: request.method.rawValue, route: route, status: response.status.code, seconds: seconds)
        context.logger.info(
            "request",
            metadata: [
                "method": .string(request.method.rawValue), "path": .string(request.uri.path),
                "status": .stringConvertible(response.status.code),
                "ms": .stringConvertible((seconds * 100_000).rounded() / 100),
                "address": .string(context.address),
            ])
        return response
    }

    private func answer(
        _ request: Request, _ context: RequestScope,
        _ next: @concurrent (Request, RequestScope) async throws -> Response
    ) async -> Response {
        let dialect = Dialect(path: request.uri.path)
        do { return try await next(request, context) } catch let failure as APIFailure {
            return dialect.response(to: failure)
        } catch let error as KuklaError {
            context.logger.error("failure", metadata: ["error": .string(error.description)])
            return dialect.response(to: APIFailure(error))
        } catch let error as HTTPError {
            return dialect.response(to: failure(error, request))
        } catch is CancellationError {
            return dialect.response(to: APIFailure(.clientGone, "The client has gone."))
        } catch {
            context.logger.error("failure", metadata: ["error": .string("\(error)")])
            return dialect.response(
                to: APIFailure(
                    .server, "The server could not do this; its log says why under this request's id."))
        }
    }

    /// What the router says.
    private func failure(_ error: HTTPError, _ request: Request) -> APIFailure {
        switch error.status.code {
        case 404:
            APIFailure(
                .notFound,
                "There is no \(request.method.rawValue) \(request.uri.path.prefix(200)); /openapi.json lists what there is.",
                code: "unknown_route")
        case 500...: APIFailure(.server, error.body ?? "The server could not do this.")
        default: APIFailure(.invalidRequest, error.body ?? error.status.reasonPhrase)
        }
    }

    private static func isPlain(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
