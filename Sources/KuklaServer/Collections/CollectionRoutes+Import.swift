import HTTPTypes
import Hummingbird
import KuklaNumerics
import KuklaStore
import NIOCore

/// Items by the line, of a body that may be longer than memory.
extension CollectionRoutes {
    func importItems(_ request: Request, _ context: RequestScope) async throws -> Response {
        let collection = try await writing(context) { $0 }
        let ingestion = ItemImport(into: collection, of: store, server: server, context)
        let watch = BodyWatch()
        let body = request.body
        let total = try await watch.run(stallingAfter: server.configuration.timeout) {
            try await ingestion.run(body, watch)
        } failure: {
            APIFailure(
                .timeout,
                "No further part of the body arrived within \(server.configuration.timeout) seconds. \(ingestion.kept)",
                code: "timeout")
        }
        return JSONWriter.response { object in
            object.member("lines", total.lines)
            object.member("inserted", total.inserted)
            object.member("replaced", total.replaced)
        }
    }
}
