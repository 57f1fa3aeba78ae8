import GRDB
public import KuklaFormats
public import KuklaNumerics

/// Which models made the vectors of a collection. Each is known by a digest of its weights: a model that was trained further under its old name
/// makes vectors of another space, and scores between the two would mean nothing.
extension StoredCollection {
    /// The models that made the vectors, in the order of their first writes; none where vectors came from elsewhere, or were written
    /// before models had digests.
    public var models: [ModelIdentity] { modelList.withLock { $0 } }

    /// Whether vectors of `model` can be compared with all that are here, as far as it is known who made them.
    public func isComparable(with model: ModelIdentity) -> Bool {
        models.allSatisfy { $0.isComparable(with: model) }
    }

    /// Throws unless vectors of `model` can be compared with those of the collection.
    ///
    /// - Throws: `KuklaError.usage` that names both models.
    public func check(_ model: ModelIdentity) throws(KuklaError) {
        guard let other = models.first(where: { !$0.isComparable(with: model) }) else { return }
        throw KuklaError(
            .usage,
            "The model \(model.short) cannot be used for the collection '\(name)': its vectors were made by \(other.short), and neither model says that it is compatible with the other. Use that one, or bring the collection over with `kukla collection reencode`."
        )
    }

    /// Notes that `model` makes vectors for the collection from now on: before the first of its vectors is written. Nothing is noted where there are
    /// items already and nobody knows who made their vectors.
    ///
    /// - Throws: `KuklaError`: as `check`; `inputOutput`.
    public func adopt(_ model: ModelIdentity) throws(KuklaError) {
        try check(model)
        guard !isNoted(model) else { return }
        try writing.withLock { _ throws(KuklaError) in
            // Somebody else may have written first.
            try check(model)
            let old = models
            guard !isNoted(model) else { return }
            let isNew = try database.read { db in
                try Bool.fetchOne(db, sql: "SELECT NOT EXISTS (SELECT 1 FROM items)") ?? false
            }
            guard isNew || !old.isEmpty else { return }
            // A model whose list of older ones has changed stands once.
            let new = old.filter { $0.digest != model.digest } + [model]
            try database.write { db in try db.setFact(Self.modelsFact, to: new) }
            modelList.withLock { $0 = new }
        }
    }

    private func isNoted(_ model: ModelIdentity) -> Bool {
        models.contains { $0.digest == model.digest && $0.compatibleWith == model.compatibleWith }
    }

    /// What the database calls `models`.
    static let modelsFact = "models"
}
