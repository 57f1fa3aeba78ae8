import KuklaCodecs
public import KuklaIndex
public import KuklaNumerics

/// What is fixed when a collection is created.
public struct CollectionSettings: Codable, Hashable, Sendable {
    /// How the vectors lie in the database. Searches compare what lies there.
    public enum VectorFormat: String, Codable, Hashable, Sendable, CaseIterable {
        /// As they were given: four bytes a component.
        case float32
        /// Rounded to IEEE binary16: two bytes a component, of at most 65504.
        case float16
    }

    /// How the index of a collection is made.
    public enum Plan: Codable, Hashable, Sendable {
        /// What a factory string says.
        case factory(IndexConfiguration)
        /// What a `PlanFitter` finds best at so many bytes a vector, once there are `items`; exact search (`F32`) until then.
        case budget(bytesPerVector: Double, items: Int)

        /// Vectors as they are, all compared.
        public static let exact = Plan.factory(Segment.exactConfiguration)
    }

    /// Components of a vector, `1...65536`.
    public var dimensions: Int
    public var metric: Metric
    public var vectorFormat: VectorFormat
    public var plan: Plan
    /// The folder or hub name of the model that made the vectors, which searches by text need.
    public var model: String?

    /// - Throws: `KuklaError.usage` where the dimensions or the budget are out of range, or do not fit the plan.
    public init(
        dimensions: Int, metric: Metric = .cosine, vectorFormat: VectorFormat = .float32,
        plan: Plan = .exact, model: String? = nil
    ) throws(KuklaError) {
        self.dimensions = dimensions
        self.metric = metric
        self.vectorFormat = vectorFormat
        self.plan = plan
        self.model = model
        guard (1...65_536).contains(dimensions) else {
            throw KuklaError(
                .usage, "Cannot make a collection of \(dimensions) dimensions: expected 1 to 65536.")
        }
        switch plan {
        case .factory(let configuration):
            _ = try configuration.bytesPerVector(dimensions: dimensions, metric: metric)
        case .budget(let bytes, let items):
            guard bytes.isFinite, bytes > 0, items >= 20 else {
                throw KuklaError(
                    .usage,
                    "Cannot fit \(bytes) bytes a vector once there are \(items) items: expected more than 0 bytes, and 20 items or more."
                )
            }
        }
    }

    /// Bytes of a vector in the database.
    var vectorBytes: Int { (vectorFormat == .float32 ? 4 : 2) * dimensions }
}
