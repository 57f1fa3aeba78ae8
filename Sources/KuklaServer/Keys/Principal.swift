/// Who asks, and what they may do.
struct Principal: Sendable {
    /// The id of a key; nil where the server has no keys, or nobody has said who they are.
    var key: String?
    var scopes: Set<APIKey.Scope>
    /// Collections that may be touched; all where nil.
    var collections: Set<String>?

    /// Nobody, who may do nothing.
    static let nobody = Principal(key: nil, scopes: [])
    /// Whoever reaches a server without keys.
    static let anyone = Principal(key: nil, scopes: Set(APIKey.Scope.allCases))

    /// - Throws: `APIFailure.permission` where `scope` is not among those of the key, or the collection is not.
    func require(_ scope: APIKey.Scope, collection: String? = nil) throws(APIFailure) {
        guard scopes.contains(where: { $0.includes(scope) }) else {
            throw APIFailure(
                .permission, "This needs a key with the scope '\(scope.rawValue)'.", code: "missing_scope")
        }
        guard let collections else { return }
        guard let collection else {
            // What concerns all collections is not for a key of some.
            guard scope == .read else {
                throw APIFailure(
                    .permission,
                    "This key is for the collections \(collections.sorted().joined(separator: ", ")) only.",
                    code: "wrong_collection")
            }
            return
        }
        guard collections.contains(collection) else {
            throw APIFailure(
                .permission, "This key is not for the collection '\(collection)'.", code: "wrong_collection")
        }
    }

    /// Whether the collection may be seen.
    func mayRead(_ collection: String) -> Bool { collections?.contains(collection) ?? true }
}
