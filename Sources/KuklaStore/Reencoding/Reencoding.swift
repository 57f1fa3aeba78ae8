import Foundation
public import KuklaFormats
public import KuklaNumerics

/// What a collection's texts are to be embedded with anew, and what the collection is to be afterwards.
public struct Reencoding: Sendable {
    public let model: ModelIdentity
    /// What searches by text load: `CollectionSettings.model` of the collection from then on.
    public let modelName: String
    /// Components of a vector of the model.
    public let dimensions: Int
    /// The metric and the plan of the collection from then on; what they were where nil.
    public var metric: Metric?
    public var plan: CollectionSettings.Plan?
    /// Texts that are embedded in one call, and written in one transaction.
    public var batch = 256
    /// Whether what an earlier run has done is thrown away.
    public var startsAnew = false
    let embed: @Sendable ([String]) throws(KuklaError) -> Matrix

    /// - Parameter embed: the vectors of texts, `[texts, dimensions]`; called on the thread of `Store.reencode`, at the end while writers
    ///   wait.
    public init(
        model: ModelIdentity, modelName: String, dimensions: Int,
        embed: @escaping @Sendable ([String]) throws(KuklaError) -> Matrix
    ) {
        self.model = model
        self.modelName = modelName
        self.dimensions = dimensions
        self.embed = embed
    }

    /// What the collection is to be, of what it is.
    ///
    /// - Throws: `KuklaError.usage` where the plan does not fit the dimensions.
    func settings(after old: CollectionSettings) throws(KuklaError) -> CollectionSettings {
        do throws(KuklaError) {
            return try CollectionSettings(
                dimensions: dimensions, metric: metric ?? old.metric, vectorFormat: old.vectorFormat,
                plan: plan ?? old.plan, model: modelName)
        } catch {
            guard plan == nil, dimensions != old.dimensions else { throw error }
            throw KuklaError(
                .usage,
                "The plan of the collection was made for \(old.dimensions) dimensions, the model makes \(dimensions): \(error.message) Give another plan."
            )
        }
    }
}

/// What re-encoding a collection did.
public struct ReencodingReport: Encodable, Hashable, Sendable {
    /// Items of the collection now.
    public let count: Int
    /// Texts that this run embedded.
    public let embedded: Int
    /// Items that an earlier run, which was stopped, had done.
    public let resumed: Int
    public let dimensions: Int
    /// What the index is made of; nil where there is no item.
    public let plan: String?
    public let seconds: Double
    /// Seconds at the end during which writers waited.
    public let heldSeconds: Double
}

/// A re-encoding that was begun and is not done.
public struct UnfinishedReencoding: Codable, Hashable, Sendable {
    public let model: ModelIdentity
    /// What the collection is to be.
    public let settings: CollectionSettings
}
