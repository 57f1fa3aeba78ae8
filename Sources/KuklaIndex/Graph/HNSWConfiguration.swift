/// How a navigable graph is built.
public struct HNSWConfiguration: Hashable, Sendable {
    /// Links of a node on each layer but the lowest, which has twice as many; the `m` of the word `HNSWm`.
    public var links: Int
    /// Nodes that the search for a new node's neighbours keeps: more make a better graph, in proportional time.
    public var efConstruction: Int

    public static let defaultLinks = 16
    public static let defaultEfConstruction = 128
    /// What `links` may be.
    public static let linkRange = 2...256

    /// - Precondition: `links` lies in `linkRange`, `efConstruction >= 1`.
    public init(
        links: Int = Self.defaultLinks, efConstruction: Int = Self.defaultEfConstruction
    ) {
        self.links = links
        self.efConstruction = efConstruction
    }

    /// Links of a node on the lowest layer.
    var lowestLinks: Int { 2 * links }
}
