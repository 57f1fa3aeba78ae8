import KuklaNumerics

/// What an advisor found.
public struct TableAdvice: Sendable {
    /// What a method needs at a width.
    public struct Feasibility: Sendable {
        public let table: TableConfiguration
        public let width: Int
        /// The fewest bytes that it can be served in.
        public let floor: Int
    }

    /// A table in the running.
    struct Candidate: Sendable {
        let table: TableConfiguration
        let width: Int
        var score = -Double.infinity

        init(_ feasibility: Feasibility) { (table, width) = (feasibility.table, feasibility.width) }
    }

    /// One training of the halving.
    public struct Trial: Sendable {
        public let table: String
        public let width: Int
        public let rows: Int
        public let bytes: Int
        public let validation: Double?
    }

    /// A table that trained with all seeds.
    public struct Finalist: Sendable {
        public let table: TableConfiguration
        public let width: Int
        /// nil: the uncompressed table.
        public let budget: Int?
        public package(set) var bytes = 0
        /// AUC of each seed.
        public package(set) var validation: [Double] = []
        public package(set) var test: [Double] = []

        package init(table: TableConfiguration, width: Int, budget: Int?) {
            self.table = table
            self.width = width
            self.budget = budget
        }

        public var name: String { "\(table), width \(width)" }
        public var meanValidation: Double { validation.reduce(0, +) / Double(max(1, validation.count)) }
        public var meanTest: Double? { test.isEmpty ? nil : test.reduce(0, +) / Double(test.count) }
    }

    public let budget: Int
    /// Bytes of a float row for each id, at the largest width.
    public let denseBytes: Int
    /// Ids of each field.
    public let fields: [(name: String, count: Int)]
    public let feasibility: [Feasibility]
    public internal(set) var trials: [Trial] = []
    public package(set) var finalists: [Finalist] = []

    package init(budget: Int, denseBytes: Int, fields: [(String, Int)], feasibility: [Feasibility]) {
        self.budget = budget
        self.denseBytes = denseBytes
        self.fields = fields.map { (name: $0.0, count: $0.1) }
        self.feasibility = feasibility
    }

    /// The table to take: the finalist with the highest mean validation AUC within the budget.
    public var recommendation: Finalist? {
        finalists.filter { $0.budget != nil && $0.bytes <= budget }.max {
            $0.meanValidation < $1.meanValidation
        }
    }

    /// The smallest finalist that is as good as the recommendation but for its seeds: with a mean validation AUC of at least its lowest
    /// seed's. Nil where none is smaller, or there is one seed only, which says nothing of how far seeds lie apart.
    public var smallerAsGood: Finalist? {
        guard let best = recommendation, best.validation.count > 1, let low = best.validation.min() else {
            return nil
        }
        return finalists.filter { $0.budget != nil && $0.bytes < best.bytes && $0.meanValidation >= low }
            .min { $0.bytes < $1.bytes }
    }

    /// The uncompressed table, for comparison.
    public var reference: Finalist? { finalists.first { $0.budget == nil } }
}
