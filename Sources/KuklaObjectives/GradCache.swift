public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// The gradient of a loss over a large batch with the memory of a small one.
///
/// The batch is embedded in pieces without recording; the loss and its gradient with respect to the embeddings are computed over
/// all of them; then each piece is embedded once more, recorded, and its part of that gradient carried back. Costs one more
/// forward pass. The random numbers of a piece are the same in both passes, so dropout is.
///
/// The result is the gradient that one pass over the pieces would give, up to the rounding of sums in another order.
/// *Source:* Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup", arXiv:2101.06983.
public struct GradCache: Sendable {
    /// Texts of one piece.
    public var microBatch: Int

    public init(microBatch: Int) {
        contract(microBatch > 0, "GradCache: pieces of \(microBatch) texts")
        self.microBatch = microBatch
    }

    /// - Parameters:
    ///   - count: the number of texts.
    ///   - mode: where its random numbers come from; nothing else is asked of it.
    ///   - embed: the embeddings `[range.count, d]` of some of the texts. Called twice for each range.
    ///   - loss: a scalar of the embeddings `[count, d]` of all.
    /// - Returns: the loss and the gradients of everything that `embed` and `loss` computed with.
    /// - Complexity: the memory of `embed` over `microBatch` texts, and of `loss`.
    public func callAsFunction(
        count: Int, mode: ForwardMode, embed: (Range<Int>) -> Tensor, loss: (Tensor) -> Tensor
    ) -> (loss: Float, gradients: Gradients) {
        contract(count > 0, "GradCache: no texts")
        let stream: RandomStream? = if case .training(let stream) = mode { stream } else { nil }
        let pieces = stride(from: 0, to: count, by: microBatch).map { $0..<min($0 + microBatch, count) }
        var states: [RandomSource?] = []
        let parts = pieces.map { piece in
            states.append(stream?.state)
            return withoutGradient { embed(piece) }
        }
        let after = stream?.state
        let embeddings = withoutGradient { Tensor.concatenated(parts, axis: 0) }.watched()
        let value = loss(embeddings)
        var gradients = value.gradients()
        let seeds = gradients[embeddings]?.dense
        gradients[embeddings] = nil
        if let seeds {
            for (piece, state) in zip(pieces, states) {
                if let stream, let state { stream.state = state }
                gradients.add(embed(piece).gradients(seed: seeds[rows: piece].detached))
            }
        }
        // Where a single pass would have left it.
        if let stream, let after { stream.state = after }
        return (value.item, gradients)
    }
}
