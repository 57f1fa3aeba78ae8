/// One vector that a search found.
public struct Match: Hashable, Sendable {
    /// The row under which the vector was added, from 0.
    public let id: Int
    /// Larger is better; see `Metric`.
    public let score: Float
    /// Smaller is better; see `Metric`.
    public let distance: Float

    public init(id: Int, score: Float, distance: Float) {
        self.id = id
        self.score = score
        self.distance = distance
    }
}
