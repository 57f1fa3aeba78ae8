/// How two vectors are compared. A *score* is larger for better matches, a *distance* smaller.
///
/// | metric | score | distance |
/// | --- | --- | --- |
/// | `innerProduct` | `q . x` | `-(q . x)` |
/// | `cosine` | `q . x / (norm(q) norm(x))` | `1 - score` |
/// | `squaredEuclidean` | `-sum((q - x)^2)` | `sum((q - x)^2)` |
///
/// Search code compares scores only, so that one heap serves all metrics. Cosine is the inner product of
/// vectors that were normalised when they came in.
public enum Metric: String, CaseIterable, Codable, Sendable, CustomStringConvertible {
    case cosine
    case innerProduct = "ip"
    case squaredEuclidean = "l2"

    public var description: String { rawValue }

    /// The distance that belongs to `score`, as the table above defines it.
    public func distance(fromScore score: Float) -> Float {
        self == .cosine ? 1 - score : -score
    }
}
