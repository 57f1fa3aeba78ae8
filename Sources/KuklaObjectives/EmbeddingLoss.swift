public import KuklaTensor

/// A scalar to minimise over the embeddings of one batch of text pairs, and what it is made of.
///
/// A loss sees embeddings, not texts: how they were computed (and whether a batch was cut in pieces) is not its business.
public protocol PairLoss: Sendable {
    /// *Shapes:* `first` and `second` `[n, d]`, row i of one belongs to row i of the other; `scores` `[n]`, nil where the
    /// pairs have none; the result is a scalar.
    func callAsFunction(_ first: Tensor, _ second: Tensor, scores: [Float]?) -> Tensor
}
