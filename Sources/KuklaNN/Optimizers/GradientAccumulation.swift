import KuklaNumerics
public import KuklaTensor

/// Gradients of several small batches, averaged into that of one large batch: its memory need is that of a small one.
public struct GradientAccumulation: Sendable {
    /// Batches that make one update.
    public let batches: Int
    private var sum: Gradients?
    private var weight: Float = 0
    /// Batches since the last update.
    public private(set) var pending = 0

    /// - Precondition: `batches > 0`.
    public init(batches: Int) {
        contract(batches > 0, "GradientAccumulation: over \(batches) batches")
        self.batches = batches
    }

    /// Adds the gradients of a batch's mean loss; returns the mean over `batches` of them when they are together.
    ///
    /// - Parameter weight: what the batch counts for; with the number of its examples the result is the gradient of the
    ///   mean over all examples.
    public mutating func add(_ gradients: consuming Gradients, weight: Float = 1) -> Gradients? {
        var scaled = consume gradients
        scaled.scale(by: weight)
        if var all = sum.take() {
            all.add(scaled)
            sum = all
        } else {
            sum = scaled
        }
        self.weight += weight
        pending += 1
        return pending == batches ? flush() : nil
    }

    /// The mean of what has come together so far, for the end of the data; nil where there is nothing.
    public mutating func flush() -> Gradients? {
        guard var result = sum.take() else { return nil }
        if weight != 0 { result.scale(by: 1 / weight) }
        (weight, pending) = (0, 0)
        return result
    }
}
