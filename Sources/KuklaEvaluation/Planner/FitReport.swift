public import Foundation
import KuklaFormats
import KuklaIndex
public import KuklaNumerics
public import KuklaText

/// What `BudgetPlanner` found: every plan that was tried with its figures, and the one that was chosen.
///
/// `plan.json` is this value as JSON, so that the evidence travels with the choice.
public struct FitReport: Codable, Sendable {
    /// One plan, measured.
    public struct Plan: Codable, Sendable {
        /// At which size the model makes the vectors; nil where vectors were given.
        public var modelSize: ModelSize?
        /// Of what a query takes, the milliseconds of its embedding.
        public var embeddingMilliseconds: Double?
        /// The factory string.
        public let plan: String
        public let structure: Structure
        /// How thorough searches were (`ApproximateIndex.effort`), where there is a choice.
        public let effort: Int?
        public let bytesPerVector: Double
        /// Bytes that all vectors of the collection take in memory, with codebooks and centres of lists.
        public let residentBytes: Int
        /// Recall@k against exact float search on the same vectors, and its 95% interval.
        public let recall: Double
        public let recallLow: Double
        public let recallHigh: Double
        /// Searches of one query at a time, on all threads.
        public let queriesPerSecond: Double
        /// Of one query alone on one thread (`SearchLatency`), among finalists.
        public internal(set) var p50Milliseconds: Double?
        public internal(set) var p99Milliseconds: Double?
        /// nDCG@10 by the judgements, where there are some.
        public let ndcg: Double?
        public let trainingSeconds: Double
        /// What the figures were measured on.
        public let vectors: Int
        public let queries: Int
        /// Whether it stayed to the last round, on all vectors; plans that fell earlier have figures of a sample.
        public let isFinalist: Bool
        public var isChosen = false

        /// The factory string, behind the model's size where there is one: `3x48 SQ8`.
        var name: String { (modelSize.map { "\($0) " } ?? "") + plan }
    }

    /// A model whose size was chosen with the plan.
    public struct Model: Codable, Sendable {
        /// A size of the model, searched exactly as float32.
        public struct Size: Codable, Sendable {
            public let layers: Int
            public let dimensions: Int
            /// Recall@k of the whole model's exact neighbours, and nDCG@10 where there are judgements.
            public let recall: Double
            public let ndcg: Double?
            /// Of one query alone on one thread.
            public let embeddingMilliseconds: Double
            /// Whether no size with at most the layers and at most the dimensions is as good.
            public let isOnFront: Bool
            /// Whether plans were measured for it; not where it is too slow, or less good exactly than what was found.
            public internal(set) var isMeasured = false

            /// Layers and dimensions.
            public var size: ModelSize { ModelSize(layers: layers, dimensions: dimensions) }
        }

        /// The folder.
        public let folder: String
        /// What was chosen: layers to run and leading dimensions to keep, for `kukla embed --plan`.
        public let layers: Int
        public let dimensions: Int
        public let fullLayers: Int
        public let fullDimensions: Int
        /// Texts of the corpus, of which the measured ones are a part.
        public let texts: Int
        public let sizes: [Size]
    }

    /// How a plan finds vectors.
    public enum Structure: String, Codable, Sendable {
        /// Compares all of them.
        case flat
        case graph, lists

        init(_ structure: IndexConfiguration.Structure) {
            self =
                switch structure {
                case .flat: .flat
                case .graph: .graph
                case .lists: .lists
                }
        }
    }

    /// A plan that could not be measured, and why.
    public struct Skipped: Codable, Sendable {
        public let plan: String
        public let reason: String
    }

    public let schemaVersion: Int
    /// The model that makes the vectors, where its size was chosen, too.
    public let model: Model?
    /// The chosen factory string.
    public let plan: String
    /// The effort that it was measured with; `kukla index --plan` takes it over.
    public let effort: Int?
    public let limits: PlanLimits
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

    /// Bytes a vector that the limits of size leave; `nil` where there is none.
    public var budgetBytesPerVector: Double? { limits.ceiling(count: vectorCount) }

    /// The best finalist that costs at most `bytes` a vector and is as fast as was wanted, by recall.
    public func best(within bytes: Double) -> Plan? {
        plans.filter {
            $0.isFinalist && $0.bytesPerVector <= bytes
                && limits.isMet(by: $0, except: .budget, .memory, .recall)
        }.max { $0.recall < $1.recall }
    }

    /// In words: what the chosen plan keeps, and what the next budgets down and up would buy.
    public var summary: String {
        guard let chosen else { return "No plan was chosen." }
        let raw = Double(4 * (model?.fullDimensions ?? dimensions))
        func figures(_ p: Plan) -> String {
            let margin = (p.recallHigh - p.recallLow) / 2
            return String(format: "recall@%d %.3f ± %.3f", neighbors, p.recall, margin)
        }
        func size(_ bytes: Double) -> String {
            String(format: bytes == bytes.rounded() ? "%.0f B" : "%.1f B", bytes)
        }
        var sentences = [
            "\(chosen.plan)\(model.map { " over \($0.layers) layers and \($0.dimensions) dimensions" } ?? "") keeps \(figures(chosen)) of \(model == nil ? "exact search" : "the whole model's exact search") in \(size(chosen.bytesPerVector)) a vector, "
                + String(format: "%.0f times smaller than float32.", raw / chosen.bytesPerVector)
        ]
        if let latency = chosen.p50Milliseconds {
            let effort = chosen.effort.map { " with effort \($0)" } ?? ""
            let embedding =
                chosen.embeddingMilliseconds.map { ", \(Quantity.rate($0)) of them for embedding it" } ?? ""
            sentences.append(
                "A query alone takes \(Quantity.rate(latency)) ms on one thread\(effort)\(embedding); all vectors take \(Quantity.bytes(chosen.residentBytes))."
            )
        }
        if model == nil, limits.recall == nil, let budget = budgetBytesPerVector {
            if let below = best(within: budget / 2) {
                sentences.append(
                    "Half the budget would keep \(figures(below)) (\(below.plan), \(size(below.bytesPerVector)))."
                )
            }
            if let above = best(within: budget * 2), above.bytesPerVector > budget {
                sentences.append(
                    "Twice the budget would keep \(figures(above)) (\(above.plan), \(size(above.bytesPerVector)))."
                )
            }
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
        // First, because another version's plan need not have what this one reads.
        struct Version: Decodable { let schemaVersion: Int }
        if let version = try? decoder.decode(Version.self, from: data).schemaVersion,
            version != FitReport.currentSchema
        {
            throw KuklaError(
                .unsupported,
                "\(url.path) is a plan of schema \(version); this version reads \(FitReport.currentSchema). Run `kukla fit` again."
            )
        }
        do {
            self = try decoder.decode(FitReport.self, from: data)
        } catch {
            throw KuklaError(
                .badData, "\(url.path) is not a plan; expected the JSON that `kukla fit -o` writes.",
                cause: error)
        }
    }

    /// The schema that this version writes.
    static let currentSchema = 2
}
