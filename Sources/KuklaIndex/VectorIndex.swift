public import KuklaNumerics

/// A set of vectors that can be searched for the best matches of a query.
///
/// An index is a value: a copy is an immutable snapshot that readers keep using, from any thread, while a writer
/// changes its own copy. What an index can do beyond searching is said by the capability protocols it conforms to
/// (`Insertable`, `Removable`), not by methods that throw.
///
/// Vectors are named by `Match.id`, the row under which they were added: 0 for the first, never used twice. Names
/// that mean something to people belong to the collection that holds the index (`CollectionFile`).
public protocol VectorIndex: Sendable {
    /// Components of the vectors.
    var dimensions: Int { get }
    var metric: Metric { get }
    /// Vectors that a search can find.
    var count: Int { get }
    /// All ids are below this; `count` unless vectors were removed.
    var idBound: Int { get }

    /// The best matches of every query, best first; of equal scores the lower id comes first.
    ///
    /// *Shapes:* `queries` `[n, dimensions]`; the result has `n` lists of `k` matches each, fewer only where
    /// fewer vectors are allowed.
    /// - Parameters:
    ///   - k: how many matches, `1...count`.
    ///   - allowed: the ids that may be found, a set of capacity `idBound`; `nil` for all.
    ///   - threads: at most so many; the result does not depend on it.
    /// - Throws: `KuklaError` where `k` is out of range (`usage`), where the shape is another, or where a query has
    ///   components that are not finite or, under cosine, no direction (`badData`, naming the row).
    func search(_ queries: Matrix, count k: Int, allowing allowed: RowSet?, threads: Int)
        throws(KuklaError) -> [[Match]]
}

extension VectorIndex {
    public var idBound: Int { count }

    /// The best matches of every query among all vectors, on all cores: see
    /// `search(_:count:allowing:threads:)`.
    public func search(_ queries: Matrix, count k: Int, threads: Int = defaultThreadCount)
        throws(KuklaError) -> [[Match]]
    {
        try search(queries, count: k, allowing: nil, threads: threads)
    }

    /// Throws unless `queries` and `k` fit this index: every index checks the same, with the same sentences.
    package func checkSearch(_ queries: Matrix, count k: Int, allowing allowed: RowSet?) throws(KuklaError) {
        guard k >= 1 else {
            throw KuklaError(.usage, "Cannot search for \(k) matches: ask for at least 1.")
        }
        guard k <= count else {
            throw KuklaError(
                .usage,
                count == 0
                    ? "Cannot search for \(k) matches: the index is empty. Add vectors first."
                    : "Cannot search for \(k) matches: the index holds \(count) vectors. Ask for at most \(count)."
            )
        }
        guard queries.columns == dimensions else {
            throw KuklaError(
                .badData,
                "Cannot search: the queries have \(queries.columns) components, the index has vectors of \(dimensions). "
                    + "Make the queries with the model and dimensions that made the vectors.")
        }
        if let allowed {
            contract(
                allowed.capacity == idBound,
                "search: a set of \(allowed.capacity) ids, which are below \(idBound)")
        }
    }

    /// The best matches among all vectors but those of the ids `excluded`: see `search(_:count:allowing:threads:)`.
    public func search(
        _ queries: Matrix, count k: Int, excluding excluded: some Sequence<Int>,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        let bound = idBound
        let allowed = RowSet(capacity: bound, excluding: excluded.filter { (0..<bound).contains($0) })
        return try search(queries, count: k, allowing: allowed, threads: threads)
    }
}

/// An index that takes further vectors.
public protocol Insertable: VectorIndex {
    /// Adds the rows of `vectors` under the next ids.
    ///
    /// - Throws: `KuklaError` where the shape is another or a row is not finite or, under cosine, zero; the index
    ///   is then as before.
    mutating func insert(_ vectors: Matrix, threads: Int) throws(KuklaError)
}

extension Insertable {
    /// Throws unless `vectors` have the components of this index.
    package func checkInsert(_ vectors: Matrix) throws(KuklaError) {
        guard vectors.columns == dimensions else {
            throw KuklaError(
                .badData,
                "Cannot add vectors of \(vectors.columns) components: the index has vectors of \(dimensions)."
            )
        }
    }
}

/// An index that forgets vectors.
public protocol Removable: VectorIndex {
    /// Forgets the vectors of these ids, as far as they are there; says how many were.
    mutating func remove(_ ids: some Sequence<Int>) -> Int
}
