/// Which documents that rank high for a query may be its negatives: what scores as high as the positive, or nearly, is likely an
/// answer that nobody has marked.
///
/// *Source:* Moreira et al. 2024, "NV-Retriever: Improving text embedding models with effective hard-negative mining", arXiv:2407.15831.
public enum NegativeRule: Sendable, Hashable {
    /// All (TopK).
    case topK
    /// Those that score at most this share of what the positive does (TopK-PercPos; 0.95 there). A positive that scores below 0 lets
    /// pass what lies below it by the rest of its size.
    case topKPercent(Double)
    /// Those that score this much less than the positive, or lower (TopK-MarginPos).
    case margin(Double)
    /// Those that score at most this (TopK-Abs).
    case threshold(Double)

    /// The highest score that a negative may have.
    func limit(positive: Float) -> Float {
        switch self {
        case .topK: .infinity
        case .topKPercent(let share): positive - Float(1 - share) * abs(positive)
        case .margin(let margin): positive - Float(margin)
        case .threshold(let score): Float(score)
        }
    }
}
