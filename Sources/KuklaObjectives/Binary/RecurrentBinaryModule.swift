public import KuklaCodecs
public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// The maps of a `RecurrentBinaryCodec` as a module: the same codes, with gradients.
///
/// A sign passes a gradient where its input is within 1 of zero (clipped straight-through). Parameters are named as the codec's,
/// those of branches with a batch norm of their own (`encoder.norm.weight`), which `codec` folds away.
public struct RecurrentBinaryModule: Module {
    let encoder: BinaryLayer
    let residuals: [BinaryLayer]
    let reconstructions: [BinaryLayer]

    /// Begins at `codec`, with branches of `width` hidden numbers beside all maps (none where it is 0) that do nothing yet.
    ///
    /// - Precondition: the codec has no branches.
    public init(_ codec: RecurrentBinaryCodec, width: Int = 0, seed: UInt64 = 1) {
        var random = RandomSource(seed: seed)
        let network = codec.network
        encoder = BinaryLayer(network.encoder, width: width, using: &random)
        residuals = network.residuals.map { BinaryLayer($0, width: width, using: &random) }
        reconstructions = network.reconstructions.map { BinaryLayer($0, width: width, using: &random) }
    }

    /// Components of the vectors.
    public var dimensions: Int { encoder.linear.inputDimensions }
    /// Components of a code.
    public var codeDimensions: Int { encoder.linear.outputDimensions }
    /// Bits of a component.
    public var bits: Int { reconstructions.count }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("encoder", encoder)
        visitor.visit("residual", residuals)
        visitor.visit("reconstruction", reconstructions)
    }

    /// What one forward pass gives.
    public struct Output: Sendable {
        /// `[n, codeDimensions]`: what the first signs are taken of.
        public let activations: Tensor
        /// `[n, codeDimensions]`: odd multiples of `2^-(bits - 1)`.
        public let codes: Tensor
        /// `[n, dimensions]`, rows of length 1: what whole codes are decoded to. No gradient flows from here to the codes.
        public let decoded: Tensor
    }

    /// Codes vectors of length 1, `[n, dimensions]`.
    public func callAsFunction(_ vectors: Tensor, mode: ForwardMode = .inference) -> Output {
        let activations = encoder(vectors, mode: mode)
        var codes = activations.binarized()
        var weight: Float = 1
        for (residual, reconstruction) in zip(residuals, reconstructions) {
            let rest = vectors - reconstruction(codes, mode: mode).normalized()
            weight /= 2
            codes = codes + residual(rest, mode: mode).binarized() * weight
        }
        let decoded = reconstructions[bits - 1](codes.detached, mode: mode).normalized()
        return Output(activations: activations, codes: codes, decoded: decoded)
    }

    /// The codec that codes as this module does in inference.
    public var codec: RecurrentBinaryCodec {
        RecurrentBinaryCodec(
            dimensions: dimensions, codeDimensions: codeDimensions, bits: bits,
            network: RecurrentBinaryNetwork(
                encoder: encoder.map, residuals: residuals.map(\.map),
                reconstructions: reconstructions.map(\.map)))
    }
}
