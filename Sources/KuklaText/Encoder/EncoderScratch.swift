import Foundation
import KuklaNumerics

/// The memory that one worker needs for one batch, allocated once and used for every batch.
final class EncoderScratch: Sendable {
    /// Rows of attention scores that are computed at once.
    static let scoreRows = 56

    let hidden, projected, context, intermediate: AlignedStorage<Float>
    let keys, values, scores: AlignedStorage<Float>
    let pooled, dense: AlignedStorage<Float>
    /// Scores of the latents of all heads.
    let latent: AlignedStorage<Float>
    let bytes: AlignedStorage<UInt8>
    let rowScale, rowZero: AlignedStorage<Float>

    /// Room for `tokens` tokens in sequences of at most `longest`.
    init(_ configuration: EncoderConfiguration, tokens: Int, longest: Int, precision: TextEncoder.Precision) {
        let width = configuration.hiddenSize
        let head = (configuration.headSize + 31) / 32 * 32
        let padded = (longest + 31) / 32 * 32
        hidden = AlignedStorage(zeros: tokens * width)
        projected = AlignedStorage(zeros: tokens * width)
        context = AlignedStorage(zeros: tokens * width)
        // The fused projections of a layer's attention and the inside of its feed-forward part take turns.
        var inside = max(3 * width, configuration.intermediateSize)
        if configuration.latent != nil { inside = max(inside, LatentAttentionPooling.innerWidth(width)) }
        intermediate = AlignedStorage(zeros: tokens * inside)
        latent = AlignedStorage(
            zeros: configuration.latent.map { tokens * $0.heads * EncoderWeights.Latent.padded($0.latents) }
                ?? 0)
        keys = AlignedStorage(zeros: padded * configuration.headSize)
        values = AlignedStorage(zeros: longest * head)
        scores = AlignedStorage(zeros: Self.scoreRows * padded)
        // A sequence has at least one token, so there are never more pooled rows than tokens. Without pooling the rows are
        // tokens.
        let widest = max(
            width * configuration.pooling.count, configuration.dense.map(\.outputs).max() ?? 0)
        pooled = AlignedStorage(zeros: configuration.dense.isEmpty ? 0 : tokens * widest)
        dense = AlignedStorage(zeros: configuration.dense.isEmpty ? 0 : tokens * widest)
        let quantizes = precision == .int8
        bytes = AlignedStorage(
            zeros: quantizes
                ? tokens * PackedLinear.padded(max(width, configuration.intermediateSize)) : 0)
        rowScale = AlignedStorage(zeros: quantizes ? tokens : 0)
        rowZero = AlignedStorage(zeros: quantizes ? tokens : 0)
    }
}

/// Lends scratch to workers, making as many as work at the same time.
final class ScratchPool: Sendable {
    private let free = Guarded<[EncoderScratch]>([])
    private let make: @Sendable () -> EncoderScratch

    init(_ make: @escaping @Sendable () -> EncoderScratch) { self.make = make }

    func borrow<Failure: Error>(_ body: (EncoderScratch) throws(Failure) -> Void) throws(Failure) {
        let scratch = free.withLock { $0.popLast() } ?? make()
        defer { free.withLock { $0.append(scratch) } }
        try body(scratch)
    }
}
