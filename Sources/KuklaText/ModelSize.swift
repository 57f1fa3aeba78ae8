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

    /// A number of dimensions and its halves, up to six numbers while at least 8 are left: sizes worth looking at.
    public static func halvings(of dimensions: Int) -> [Int] {
        var found = [dimensions]
        while found.count < 6, let last = found.last, last % 2 == 0, last / 2 >= 8 { found.append(last / 2) }
        return found
    }
}
