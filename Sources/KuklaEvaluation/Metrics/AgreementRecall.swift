public import KuklaNumerics

/// Recall@k of approximate search against exact search: which part of the true k nearest it found,
/// averaged over queries, and how far that average can be trusted.
public struct AgreementRecall: Sendable, Equatable {
    /// How many neighbours were compared.
    public let k: Int
    /// For each query, `|approximate ∩ exact| / |exact|` over their first k, in `[0, 1]`.
    public let perQuery: [Double]

    /// Compares the ids that two searches found, query by query, best first.
    ///
    /// Of each list the first `k` count. Where exact search found fewer than k (a small collection), that
    /// many are the whole. An id that stands twice counts once. O(queries · k).
    ///
    /// - Throws: `KuklaError.badData` where the two hold different numbers of queries, none at all, or
    ///   where exact search found nothing for a query.
    public init<ID: Hashable>(
        approximate: some Collection<some Collection<ID>>, exact: some Collection<some Collection<ID>>, k: Int
    ) throws(KuklaError) {
        contract(k > 0, "AgreementRecall: k is \(k)")
        guard approximate.count == exact.count, !exact.isEmpty else {
            throw KuklaError(
                .badData,
                "recall@\(k) needs an approximate and an exact answer for each query, but there are "
                    + "\(approximate.count) approximate and \(exact.count) exact answers")
        }
        var recalls: [Double] = []
        recalls.reserveCapacity(exact.count)
        for (found, truth) in zip(approximate, exact) {
            let truth = Set(truth.prefix(k))
            guard !truth.isEmpty else {
                throw KuklaError(
                    .badData,
                    "recall@\(k) needs a true answer, but exact search found nothing for query \(recalls.count)"
                )
            }
            recalls.append(Double(truth.intersection(found.prefix(k)).count) / Double(truth.count))
        }
        self.k = k
        perQuery = recalls
    }

    /// Recalls that were measured one query at a time, each in `[0, 1]`; at least one.
    public init(k: Int, perQuery: [Double]) {
        contract(
            k > 0 && !perQuery.isEmpty && perQuery.allSatisfy { (0...1).contains($0) },
            "AgreementRecall: k \(k), \(perQuery.count) recalls, each must lie in 0...1")
        self.k = k
        self.perQuery = perQuery
    }

    /// The mean over queries, in `[0, 1]`.
    public var mean: Double { perQuery.reduce(0, +) / Double(perQuery.count) }

    /// The 95% interval of the mean, inside `[0, 1]`: normal approximation over queries.
    ///
    /// Queries are the independent draws, not the k neighbours of one query, which rise and fall together.
    /// Where all queries agree to the last digit the normal interval would be a point, as if one more
    /// query could not differ; Wilson's interval with the queries as trials stands in.
    public var interval: ClosedRange<Double> {
        guard perQuery.contains(where: { $0 != perQuery[0] }) else {
            let trials = Double(perQuery.count)
            return ConfidenceInterval.wilson(successes: perQuery[0] * trials, trials: trials)
        }
        let normal = ConfidenceInterval.ofMean(perQuery)
        return max(0, normal.lowerBound)...min(1, normal.upperBound)
    }

    /// The 95% interval of the mean by the bootstrap over queries, for few queries or skewed recalls.
    public func bootstrapInterval(resamples: Int = 2_000, seed: UInt64) -> ClosedRange<Double> {
        ConfidenceInterval.bootstrapOfMean(perQuery, resamples: resamples, seed: seed)
    }

    /// The 95% interval of `self.mean - other.mean` over the same queries, pair by pair.
    ///
    /// Two plans measured on the same queries differ by less than their own intervals suggest, since hard
    /// queries are hard for both: an interval that leaves out 0 tells them apart.
    ///
    /// - Precondition: both hold the same number of queries, in the same order.
    public func intervalOfDifference(from other: AgreementRecall) -> ClosedRange<Double> {
        contract(
            perQuery.count == other.perQuery.count,
            "AgreementRecall: \(perQuery.count) queries against \(other.perQuery.count)")
        return ConfidenceInterval.ofMean(zip(perQuery, other.perQuery).map { $0 - $1 })
    }
}
