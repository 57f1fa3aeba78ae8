/// When and why codecs were trained, or a plan was fitted.
public struct FitRecord: Codable, Hashable, Sendable {
    public enum Reason: String, Codable, Hashable, Sendable {
        /// There was no index of this plan yet: the first one, or a damaged one that is made again.
        case first
        /// The collection has a budget, and there are enough items to fit a plan to it.
        case enoughItems
        /// The items became so many more that the sample which codecs were trained on stands for them no longer.
        case growth
        /// More than a fifth of a graph's or of lists' items were deleted.
        case deletions
        /// Items written since are other ones than those that codes were trained on.
        case drift
        /// Somebody asked for it.
        case requested
    }

    /// The last operation whose item took part.
    public let operation: Int64
    /// Items there were.
    public let count: Int
    public let reason: Reason
    /// What the drift was, where that is the reason.
    public let drift: Drift?
    /// How far the new codes were from vectors that they were not trained on; `nil` where they learn nothing.
    public let codes: CodeErrors?

    public init(
        operation: Int64, count: Int, reason: Reason, drift: Drift? = nil, codes: CodeErrors? = nil
    ) {
        self.operation = operation
        self.count = count
        self.reason = reason
        self.drift = drift
        self.codes = codes
    }

    /// The reason in words, such as stand behind "because".
    var because: String {
        switch reason {
        case .first: "there was no index of this plan"
        case .enoughItems: "there were enough items to fit a plan to the budget"
        case .growth: "the items had become many more than those that the codecs were trained on"
        case .deletions: "more than a fifth of the items in the index were deleted"
        case .drift: "the vectors had drifted: \(drift?.sentence ?? "")"
        case .requested: "it was asked for"
        }
    }
}
