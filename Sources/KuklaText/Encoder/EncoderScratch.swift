import Foundation

/// The memory that one worker needs for one batch, allocated once and used for every batch.
final class EncoderScratch: Sendable {
    /// Rows of attention scores that are computed at once.
    static let scoreRows = 56

    let hidden, projected, context, intermediate: AlignedMemory<Float>
    let keys, values, scores: AlignedMemory<Float>
    let pooled, dense: AlignedMemory<Float>
    let bytes: AlignedMemory<UInt8>
    let rowScale, rowZero: AlignedMemory<Float>

    /// Room for `tokens` tokens in sequences of at most `longest`.
    init(_ configuration: EncoderConfiguration, tokens: Int, longest: Int, precision: TextEncoder.Precision) {
        let width = configuration.hiddenSize
        let head = (configuration.headSize + 31) / 32 * 32
        let padded = (longest + 31) / 32 * 32
        hidden = AlignedMemory(zeros: tokens * width)
        projected = AlignedMemory(zeros: tokens * width)
        context = AlignedMemory(zeros: tokens * width)
        // The fused projections of a layer's attention and the inside of its feed-forward part take turns.
        intermediate = AlignedMemory(zeros: tokens * max(3 * width, configuration.intermediateSize))
        keys = AlignedMemory(zeros: padded * configuration.headSize)
        values = AlignedMemory(zeros: longest * head)
        scores = AlignedMemory(zeros: Self.scoreRows * padded)
        // A sequence has at least one token, so there are never more pooled rows than tokens.
        let widest = max(
            width * configuration.pooling.count, configuration.dense.map(\.outputs).max() ?? 0)
        pooled = AlignedMemory(zeros: configuration.dense.isEmpty ? 0 : tokens * widest)
        dense = AlignedMemory(zeros: configuration.dense.isEmpty ? 0 : tokens * widest)
        let quantizes = precision == .int8
        bytes = AlignedMemory(
            zeros: quantizes
                ? tokens * PackedLinear.padded(max(width, configuration.intermediateSize)) : 0)
        rowScale = AlignedMemory(zeros: quantizes ? tokens : 0)
        rowZero = AlignedMemory(zeros: quantizes ? tokens : 0)
    }
}

/// Lends scratch to workers, making as many as work at the same time.
final class ScratchPool: @unchecked Sendable {  // `free` is guarded by `lock`
    private let lock = NSLock()
    private var free: [EncoderScratch] = []
    private let make: @Sendable () -> EncoderScratch

    init(_ make: @escaping @Sendable () -> EncoderScratch) { self.make = make }

    func borrow<Failure: Error>(_ body: (EncoderScratch) throws(Failure) -> Void) throws(Failure) {
        let scratch = lock.withLock { free.popLast() } ?? make()
        defer { lock.withLock { free.append(scratch) } }
        try body(scratch)
    }
}
