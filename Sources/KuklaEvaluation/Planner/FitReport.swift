public import Foundation
public import KuklaNumerics

/// What `BudgetPlanner` found: every plan that was tried with its figures, and the one that was chosen.
///
/// `plan.json` is this value as JSON, so that the evidence travels with the choice.
public struct FitReport: Codable, Sendable {
    /// One plan, measured.
    public struct Plan: Codable, Sendable {
        /// The factory string.
        public let plan: String
        public let bytesPerVector: Double
        /// Recall@k against exact float search on the same vectors, and its 95% interval.
        public let recall: Double
        public let recallLow: Double
        public let recallHigh: Double
        /// Searches of one query at a time, on all threads.
        public let queriesPerSecond: Double
        /// nDCG@10 by the judgements, where there are some.
        public let ndcg: Double?
        public let trainingSeconds: Double
        /// What the figures were measured on.
        public let vectors: Int
        public let queries: Int
        /// Whether it stayed to the last round, on all vectors; plans that fell earlier have figures of a sample.
        public let isFinalist: Bool
        public var isChosen = false
    }

    /// A plan that could not be measured, and why.
    public struct Skipped: Codable, Sendable {
        public let plan: String
        public let reason: String
    }

    public let schemaVersion: Int
    /// The chosen factory string.
    public let plan: String
    public let budgetBytesPerVector: Double
    public let metric: Metric
    public let dimensions: Int
    public let vectorCount: Int
    /// The k of recall@k.
    public let neighbors: Int
    /// Whether the queries were held out of the vectors, for want of real ones.
    public let usesSelfQueries: Bool
    public let seed: UInt64
    public let threads: Int
    public let seconds: Double
    /// nDCG@10 of exact float search, where there are judgements.
    public let exactNDCG: Double?
    public let exactQueriesPerSecond: Double
    /// Plans within the budget and at half and twice the budget, best recall first among the finalists.
    public let plans: [Plan]
    public let skipped: [Skipped]
    /// Finalists within the budget that the queries could not tell from the chosen one (95%, paired).
    public let equals: [String]

    /// The plan that was chosen.
    public var chosen: Plan? { plans.first(where: \.isChosen) }

    /// The best finalist that costs at most `bytes` a vector, by recall.
    public func best(within bytes: Double) -> Plan? {
        plans.filter { $0.isFinalist && $0.bytesPerVector <= bytes }.max { $0.recall < $1.recall }
    }

    /// In words: what the chosen plan keeps, and what the next budgets down and up would buy.
    public var summary: String {
        guard let chosen else { return "No plan was chosen." }
        let raw = Double(4 * dimensions)
        func figures(_ p: Plan) -> String {
            let margin = (p.recallHigh - p.recallLow) / 2
            return String(format: "recall@%d %.3f ± %.3f", neighbors, p.recall, margin)
        }
        func size(_ bytes: Double) -> String {
            String(format: bytes == bytes.rounded() ? "%.0f B" : "%.1f B", bytes)
        }
        var sentences = [
            "\(chosen.plan) keeps \(figures(chosen)) of exact search in \(size(chosen.bytesPerVector)) a vector, "
                + String(format: "%.0f times smaller than float32.", raw / chosen.bytesPerVector)
        ]
        if let below = best(within: budgetBytesPerVector / 2) {
            sentences.append(
                "Half the budget would keep \(figures(below)) (\(below.plan), \(size(below.bytesPerVector)))."
            )
        }
        if let above = best(within: budgetBytesPerVector * 2), above.bytesPerVector > budgetBytesPerVector {
            sentences.append(
                "Twice the budget would keep \(figures(above)) (\(above.plan), \(size(above.bytesPerVector)))."
            )
        }
        if !equals.isEmpty {
            sentences.append(
                "\(usesSelfQueries ? "Held-out" : "These") queries cannot tell it from \(equals.joined(separator: ", "))."
            )
        }
        return sentences.joined(separator: " ")
    }
}

extension FitReport {
    /// The report as JSON with snake_case keys.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    /// Reads `plan.json`.
    ///
    /// - Throws: `KuklaError` that names the file where it is no plan.
    public init(contentsOf url: URL) throws(KuklaError) {
        let data = try MappedFile(url).withBytes { Data($0) }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            self = try decoder.decode(FitReport.self, from: data)
        } catch {
            throw KuklaError(
                .badData, "\(url.path) is not a plan; expected the JSON that `kukla fit -o` writes.",
                cause: error)
        }
        guard schemaVersion == FitReport.currentSchema else {
            throw KuklaError(
                .unsupported,
                "\(url.path) is a plan of schema \(schemaVersion); this version reads \(FitReport.currentSchema). Run `kukla fit` again."
            )
        }
    }

    /// The schema that this version writes.
    static let currentSchema = 1
}
