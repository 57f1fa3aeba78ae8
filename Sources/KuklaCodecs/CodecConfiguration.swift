/// What a codec is made of, before training: zero or more transforms, then one quantizer.
///
/// Written as a factory string after FAISS's habit, for instance `PCA128,SQ8`: `init(parsing:)` and
/// `description` are inverse. A transform alone means `F32` after it.
public struct CodecConfiguration: Hashable, Sendable {
    /// A change of the vectors before they are quantised. Several are applied from left to right.
    public enum Transform: Hashable, Sendable {
        /// `MRLd`: the first `dimensions` components, normalised again under cosine (Kusupati et al. 2022,
        /// "Matryoshka Representation Learning"). Queries are cut in the same way.
        case truncation(dimensions: Int)
        /// `PCAd`, `PCAWd`, `PCARd`: the directions of largest variance, then optionally whitening or a random
        /// rotation that spreads the variance evenly over the dimensions.
        case principalComponents(dimensions: Int, Variant = .plain)
        /// `RR`, `RRd`: a random rotation, of which the first `dimensions` components are kept.
        case rotation(dimensions: Int?)
        /// `OPQm`, `OPQm_d`: the rotation that makes a product quantizer of `subspaces` parts lose least (Ge et al.
        /// 2013, "Optimized Product Quantization"), to `dimensions` components.
        case optimizedRotation(subspaces: Int, dimensions: Int?)
        /// `HEADd`: a trained linear map and layer norm to `dimensions`; scores are those of what comes out.
        case head(dimensions: Int)

        public enum Variant: Hashable, Sendable { case plain, whitening, rotation }
    }

    /// How the components of one vector become bytes.
    public enum Quantizer: Hashable, Sendable {
        /// `F32`: exact, 4 bytes a dimension.
        case float32
        /// `F16`: IEEE half precision, 2 bytes a dimension, saturating at 65504.
        case float16
        /// `BF16`: the upper half of a float, 2 bytes a dimension.
        case bfloat16
        /// `SQ8`, `SQ6`, `SQ4`: evenly spaced levels within a trained range of each dimension.
        case scalar(bits: Int)
        /// `PQm`, `PQmxb`: `subspaces` codebooks of `2^bits` centroids (Jégou et al. 2011).
        case product(subspaces: Int, bits: Int)
        /// `PQmx4fs`: 4-bit product codes, laid out for scans by SIMD shuffles (André et al. 2015).
        case productFastScan(subspaces: Int)
        /// `B1`: the sign of each component.
        case sign
        /// `RQb`: a randomly rotated grid of `bits` a dimension with an unbiased inner product, in the manner of
        /// RaBitQ (Gao and Long 2024).
        case randomized(bits: Int)
        /// `RBEm`, `RBEmxk`: `dimensions` components of `bits` each, found by `bits` recurrent binary steps (Gan et al. 2023,
        /// "Binary Embedding-based Retrieval at Tencent"). Under cosine only.
        case recurrentBinary(dimensions: Int, bits: Int)
    }

    public var transforms: [Transform]
    public var quantizer: Quantizer

    public init(transforms: [Transform] = [], quantizer: Quantizer = .float32) {
        self.transforms = transforms
        self.quantizer = quantizer
    }
}

extension CodecConfiguration: Codable {
    /// Reads a factory string.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the factory string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
