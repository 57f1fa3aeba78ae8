public import KuklaNumerics

/// What a collection file says about itself: its `details` section, as JSON.
public struct CollectionDetails: Codable, Hashable, Sendable {
    /// The factory string of the index.
    public var factory: IndexConfiguration
    public var metric: Metric
    /// Components of the vectors that went in.
    public var dimensions: Int
    public var count: Int
    /// How thorough searches are, where the index has a choice (`ApproximateIndex.effort`).
    public var effort: Int?
    /// What is known about where the vectors come from.
    public var origin: Origin

    /// Where the vectors of a collection come from.
    public struct Origin: Codable, Hashable, Sendable {
        /// The folder or hub name of the model that made the vectors, which a search by text needs again.
        public var model: String?
        /// Components that were kept of what the model gives, where not all.
        public var modelDimensions: Int?
        /// Layers of the model that ran, from the first, where not all.
        public var modelLayers: Int?
        /// The file that was indexed.
        public var source: String?
        /// The program and its version.
        public var software: String?
        /// When, as ISO 8601.
        public var created: String?

        public init(
            model: String? = nil, modelDimensions: Int? = nil, modelLayers: Int? = nil, source: String? = nil,
            software: String? = nil, created: String? = nil
        ) {
            self.model = model
            self.modelDimensions = modelDimensions
            self.modelLayers = modelLayers
            self.source = source
            self.software = software
            self.created = created
        }
    }
}

/// The name of an item of a collection: a number or a text, as its source gave it.
public enum ItemID: Hashable, Sendable, CustomStringConvertible {
    case number(UInt64)
    case text(String)

    /// What stands in the place of a removed item's name.
    var blank: ItemID {
        switch self {
        case .number: .number(0)
        case .text: .text("")
        }
    }

    public var description: String {
        switch self {
        case .number(let number): String(number)
        case .text(let text): text
        }
    }
}
