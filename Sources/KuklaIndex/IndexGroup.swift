public import KuklaNumerics

/// Several indexes that are searched as one: shards, or a large index and a small one for what is new.
///
/// The ids of a member follow those of the members before it: member i's id 0 is the sum of the `idBound`s before i.
/// Scores of different members are compared as they are: members over different codecs should rank by refinements of one
/// kind.
public struct IndexGroup: VectorIndex {
    public let members: [any VectorIndex]
    /// The id that each member's id 0 has here.
    public let firstIDs: [Int]
    public let dimensions: Int
    public let metric: Metric
    public let count: Int
    public let idBound: Int

    /// - Throws: `KuklaError.usage` where there is no member, or dimensions or metrics differ.
    public init(_ members: [any VectorIndex]) throws(KuklaError) {
        guard let first = members.first else {
            throw KuklaError(.usage, "Cannot search a group of no indexes: give at least one.")
        }
        if let other = members.first(where: { $0.dimensions != first.dimensions || $0.metric != first.metric }
        ) {
            throw KuklaError(
                .usage,
                "Cannot search indexes of \(first.dimensions) dimensions by \(first.metric) and of \(other.dimensions) by \(other.metric) as one: vectors and metric must be of one kind."
            )
        }
        self.members = members
        (dimensions, metric) = (first.dimensions, first.metric)
        count = members.reduce(0) { $0 + $1.count }
        var firstIDs: [Int] = []
        var bound = 0
        for member in members {
            firstIDs.append(bound)
            bound += member.idBound
        }
        self.firstIDs = firstIDs
        idBound = bound
    }

    public func search(
        _ queries: Matrix, count k: Int, allowing allowed: RowSet? = nil, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[Match]] {
        try checkSearch(queries, count: k, allowing: allowed)
        var lists = [[Match]](repeating: [], count: queries.rows)
        for (member, firstID) in zip(members, firstIDs) where member.count > 0 {
            let own = allowed.map { allowed in
                RowSet(capacity: member.idBound) { allowed.contains(firstID + $0) }
            }
            let found = try member.search(
                queries, count: min(k, member.count), allowing: own, threads: threads)
            for (row, list) in found.enumerated() {
                lists[row] += list.map { Match(id: firstID + $0.id, score: $0.score, distance: $0.distance) }
            }
        }
        return lists.map { list in
            Array(list.sorted { ($0.score, $1.id) > ($1.score, $0.id) }.prefix(k))
        }
    }
}
