/// A size at which a text encoder is used: how many of its layers run, from the first, and how many leading components of the
/// vectors are kept.
public struct ModelSize: Hashable, Sendable, Codable, CustomStringConvertible {
    public var layers: Int
    public var dimensions: Int

    public init(layers: Int, dimensions: Int) {
        self.layers = layers
        self.dimensions = dimensions
    }

    /// `3x48`: layers and dimensions.
    public var description: String { "\(layers)x\(dimensions)" }
}
