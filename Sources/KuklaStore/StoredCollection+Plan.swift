import GRDB
import KuklaFormats
public import KuklaIndex
public import KuklaNumerics

/// What the index of a collection is made of, and why.
public struct CollectionPlan: Encodable, Hashable, Sendable {
    /// What the index is made of; exact search where there is none.
    public let configuration: IndexConfiguration
    /// How thorough searches are, where the index has a choice.
    public let effort: Int?
    /// Why it is made so, in a sentence or two.
    public let reason: String
    /// When codecs were trained or the plan was fitted last; `nil` where nothing was.
    public let fit: FitRecord?
    /// What the planner measured, as it wrote it; `nil` where the plan was not fitted.
    public let report: JSONValue?
}

extension StoredCollection {
    /// What the index is made of now, and why.
    ///
    /// - Complexity: counts the items where there is no index yet.
    public func plan() throws(KuklaError) -> CollectionPlan {
        let index = state.withLock { $0.segment?.index }
        let (count, fitted, fit) = try database.read { db in
            (
                index == nil ? try Int.fetchOne(db, sql: "SELECT count(*) FROM items") ?? 0 : 0,
                try db.fact("fitted", as: FittedPlan.self), try db.fact("fit", as: FitRecord.self)
            )
        }
        var report: JSONValue?
        if let data = fitted?.report {
            report = try JSONValue(parsing: String(decoding: data, as: UTF8.self))
        }
        return CollectionPlan(
            configuration: index?.configuration ?? Segment.exactConfiguration,
            effort: (index as? any ApproximateIndex)?.effort,
            reason: reason(hasIndex: index != nil, count: count, fitted, fit), fit: fit, report: report)
    }

    private func reason(hasIndex: Bool, count: Int, _ fitted: FittedPlan?, _ fit: FitRecord?) -> String {
        var sentences: [String] = []
        switch settings.plan {
        case .factory(let configuration):
            sentences.append("The collection was created with the plan \(configuration).")
        case .budget(let bytes, let items):
            let budget = "\(Quantity.bytesPerVector(bytes)) bytes a vector"
            sentences.append(
                fitted.map { "The plan \($0.configuration) was fitted to \(budget)." }
                    ?? "Vectors are compared exactly until there are \(items) items, of which a plan of \(budget) is fitted."
            )
        }
        if let fit {
            sentences.append(
                "The index was made anew at operation \(fit.operation), of \(fit.count) items, because \(fit.because)."
            )
        }
        if !hasIndex { sentences.append("There is no index yet: all of \(count) items are compared.") }
        return sentences.joined(separator: " ")
    }
}
