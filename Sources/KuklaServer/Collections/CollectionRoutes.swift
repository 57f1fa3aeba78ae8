import Foundation
import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore

/// `/collections`, `/snapshots` and `/aliases`.
///
/// What touches the disk runs on the server's pools, and what a path names is looked up there too: opening a collection may take
/// a while.
struct CollectionRoutes {
    let server: APIServer
    let store: Store
    let reencodings: ReencodingJobs

    func add(to router: Router<RequestScope>) {
        addSettings(to: router)
        addItems(to: router)
        addSearch(to: router)
        addPlans(to: router)
        addSnapshots(to: router)
        addAliases(to: router)
        addReencoding(to: router)
    }

    // MARK: - What a path names

    /// The name in the path, of a collection or an alias.
    ///
    /// - Throws: `APIFailure.invalidRequest` for what is no name.
    func name(
        in context: RequestScope, _ parameter: String = "name"
    ) throws(APIFailure) -> CollectionName {
        try Self.name(Self.decoded(parameter, in: context), parameter)
    }

    static func name(_ text: String, _ parameter: String) throws(APIFailure) -> CollectionName {
        do { return try CollectionName(text) } catch {
            throw APIFailure(.invalidRequest, error.message, code: "invalid_name", parameter: parameter)
        }
    }

    /// A part of the path without its percent signs.
    static func decoded(_ parameter: String, in context: RequestScope) throws(APIFailure) -> String {
        let raw = context.parameters.get(parameter) ?? ""
        guard let text = raw.removingPercentEncoding else {
            throw APIFailure(
                .invalidRequest, "'\(parameter)' in the path is not UTF-8 in percent-encoding.",
                code: "invalid_name", parameter: parameter)
        }
        return text
    }

    // MARK: - Where work is done

    /// What `body` returns, on a thread for readers, of the collection that the path names.
    ///
    /// - Throws: `APIFailure`: `permission`, `notFound`, and `invalidRequest` for what the store calls bad usage.
    func reading<Result: Sendable>(
        _ context: RequestScope, _ body: @escaping @Sendable (StoredCollection) throws -> Result
    ) async throws -> Result {
        try await run(on: server.reading, context, .read, body)
    }

    /// The collection that the path names. One that is open is found at once, any other on a thread for readers.
    ///
    /// - Throws: as `reading`.
    func collection(_ context: RequestScope) async throws -> StoredCollection {
        let (name, principal) = (try name(in: context), context.principal)
        if let open = store.openCollection(name.description) {
            try principal.requireScope(.read)
            return try open.allowed(under: name, for: principal, .read)
        }
        return try await reading(context) { $0 }
    }

    /// As `reading`, on a thread for writers.
    func writing<Result: Sendable>(
        _ context: RequestScope, _ scope: APIKey.Scope = .write,
        _ body: @escaping @Sendable (StoredCollection) throws -> Result
    ) async throws -> Result {
        try await run(on: server.writing, context, scope, body)
    }

    private func run<Result: Sendable>(
        on pool: WorkPool, _ context: RequestScope, _ scope: APIKey.Scope,
        _ body: @escaping @Sendable (StoredCollection) throws -> Result
    ) async throws -> Result {
        let (name, principal) = (try name(in: context), context.principal)
        try principal.requireScope(scope)
        return try await whileReplaced { _ in
            try await pool.run {
                let collection = try store.collection(name, for: principal, scope)
                return try store.answering(collection) { try body(collection) }
            }
        }
    }
}

extension Principal {
    /// As `require`, where it is not known yet which collection is meant.
    func requireScope(_ scope: APIKey.Scope) throws(APIFailure) {
        var everywhere = self
        everywhere.collections = nil
        try everywhere.require(scope)
    }
}

extension StoredCollection {
    /// This collection, which was asked for under `name`.
    ///
    /// - Throws: `APIFailure.permission` where it is not for `principal`.
    fileprivate func allowed(
        under name: CollectionName, for principal: Principal, _ scope: APIKey.Scope
    ) throws(APIFailure) -> StoredCollection {
        guard principal.collections?.contains(self.name.description) ?? true else {
            throw APIFailure(
                .permission, "This key is not for the collection '\(name)'.", code: "wrong_collection")
        }
        try principal.require(scope, collection: self.name.description)
        return self
    }
}

extension Store {
    /// The collection of this name or alias, for somebody who needs `scope` in it.
    ///
    /// - Throws: `APIFailure`: `permission`, `notFound`.
    func collection(
        _ name: CollectionName, for principal: Principal, _ scope: APIKey.Scope
    ) throws -> StoredCollection {
        let collection: StoredCollection
        do { collection = try self.collection(name.description) } catch {
            // Who may not see it hears the same whether it is there or not.
            try principal.require(scope, collection: name.description)
            guard error.code == .usage, try !isTaken(name) else { throw error }
            throw APIFailure(
                .notFound, "There is no collection '\(name)'.", code: "unknown_collection", parameter: "name")
        }
        return try collection.allowed(under: name, for: principal, scope)
    }

    /// Whether a collection or an alias has this name.
    func isTaken(_ name: CollectionName) throws(KuklaError) -> Bool {
        if names.contains(name) { return true }
        return try aliases()[name] != nil
    }

    /// What `body` returns; what it throws as the one who asked is to hear it. A collection that was dropped meanwhile is one that
    /// is not there.
    func answering<Result>(_ collection: StoredCollection, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as KuklaError {
            if error.code == .usage || error.code == .unsupported { throw APIFailure(error) }
            let now = try? self.collection(collection.name.description)
            if now === collection { throw error }
            throw now == nil
                ? APIFailure(
                    .notFound, "The collection '\(collection.name)' was dropped meanwhile.",
                    code: "unknown_collection", parameter: "name")
                : Self.replacement(of: collection)
        }
    }

    /// What somebody hears whose collection was replaced.
    static func replacement(of collection: StoredCollection) -> APIFailure {
        APIFailure(
            .notFound,
            "The collection '\(collection.name)' was replaced by another meanwhile: ask again.",
            code: replaced, parameter: "name")
    }

    /// The word for that.
    fileprivate static let replaced = "collection_replaced"
}

/// What `body` returns, done again where the collection that it found was replaced by another under its hands: who asks for a name need not know
/// that a re-encoding has ended.
///
/// `body` is told how often it failed so. Each time, somebody has re-encoded the whole collection: it does not happen often.
func whileReplaced<Result>(_ body: (_ failures: Int) async throws -> Result) async throws -> Result {
    for failures in 0..<8 {
        do { return try await body(failures) } catch let failure as APIFailure
            where failure.code == Store.replaced
        {}
    }
    return try await body(8)
}
