import GRDB
import KuklaFormats
import KuklaIndex
import KuklaNumerics

extension StoredCollection {
    /// Looks whether items written since `fit` are other ones than those that codes were trained on; `nil` where they are not, or are
    /// too few to make codes anew for: less than a tenth of all, or less than 200.
    func drift(since fit: FitRecord?, _ state: SearchState, through: Int64, count: Int) throws(KuklaError)
        -> Drift?
    {
        guard let segment = state.segment, let fit, let before = fit.codes, through > fit.operation else {
            return nil
        }
        let new = try database.read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM items WHERE sequence > ? AND sequence <= ?",
                arguments: [fit.operation, through]) ?? 0
        }
        guard new >= 200, 10 * new >= count else { return nil }
        let vectors = try sampledVectors(fit.operation + 1...through, limit: 1000)
        guard let since = try CodeErrors(vectors, in: segment.index, threads: options.threads),
            let drift = Drift(from: before, to: since)
        else { return nil }
        options.report(
            "The vectors of the collection '\(name)' have drifted, and its index is fitted to them again: \(drift.sentence)."
        )
        return drift
    }
}

extension Drift {
    var sentence: String {
        "codes of items written since are off by \(Quantity.fraction(since.mean)) of their squared length on average, where they were off by \(Quantity.fraction(before.mean)) when the index was fitted"
    }
}
