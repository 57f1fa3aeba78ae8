import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore

/// Second names of collections.
extension CollectionRoutes {
    func addAliases(to router: Router<RequestScope>) {
        router.put("aliases/{alias}") { request, context in try await setAlias(request, context) }
        router.delete("aliases/{alias}") { _, context in try await removeAlias(context) }
    }

    private func setAlias(_ request: Request, _ context: RequestScope) async throws -> Response {
        let alias = try name(in: context, "alias")
        // An alias may lead readers from one collection to another: not for keys of some.
        try context.principal.require(.admin)
        let body = try await collect(request)
        var given: String?
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            guard key == "collection" else { return false }
            given = try scanner.string()
            return true
        }
        let target = try Self.name(RequestMembers.need(given, "collection"), "collection")
        return try await server.writing.run {
            guard !store.names.contains(alias) else {
                throw APIFailure(
                    .conflict, "A collection is called '\(alias)': take another name for the alias.",
                    code: "collection_exists", parameter: "alias")
            }
            guard store.names.contains(target) else {
                throw APIFailure(
                    .notFound, "There is no collection '\(target)'.", code: "unknown_collection",
                    parameter: "collection")
            }
            try store.setAlias(alias.description, to: target.description)
            return JSONWriter.response { object in
                object.member("alias", alias.description)
                object.member("collection", target.description)
            }
        }
    }

    private func removeAlias(_ context: RequestScope) async throws -> Response {
        let alias = try name(in: context, "alias")
        try context.principal.require(.admin)
        return try await server.writing.run {
            guard try store.aliases()[alias] != nil else {
                throw APIFailure(
                    .notFound, "There is no alias '\(alias)'.", code: "unknown_alias", parameter: "alias")
            }
            try store.setAlias(alias.description, to: nil)
            return JSONWriter.response { $0.member("deleted", true) }
        }
    }
}
