public import KuklaNumerics

extension CodecConfiguration {
    /// Checks that vectors of `dimensions` components can go through the transforms and into the quantizer.
    ///
    /// - Throws: `KuklaError.usage` that names the word and both numbers.
    public func validate(dimensions: Int) throws(KuklaError) {
        _ = try quantizedDimensions(from: dimensions)
    }

    /// Bytes that one more vector costs, by arithmetic alone: what the trained codec's layout will say.
    ///
    /// Under `.innerProduct` and `.squaredEuclidean` scalar codes carry a 4-byte factor (see `ScalarCodec`).
    /// - Throws: `KuklaError.usage` where `dimensions` do not fit (see `validate(dimensions:)`).
    public func bytesPerVector(dimensions: Int, metric: Metric) throws(KuklaError) -> Double {
        let d = try quantizedDimensions(from: dimensions)
        return switch quantizer {
        case .float32: Double(4 * d)
        case .float16, .bfloat16: Double(2 * d)
        case .scalar(let bits): ScalarCodec.layout(dimensions: d, bits: bits, metric: metric).bytesPerVector
        case .product(let m, let bits):
            ProductQuantizer.layout(subspaces: m, bits: bits, metric: metric).bytesPerVector
        case .productFastScan(let m):
            FastScanProductQuantizer.layout(subspaces: m, metric: metric).bytesPerVector
        case .sign: SignBitCodec.layout(dimensions: d, metric: metric).bytesPerVector
        case .randomized(let bits):
            RandomizedQuantizer.layout(dimensions: d, bits: bits, metric: metric).bytesPerVector
        case .recurrentBinary(let m, let bits):
            try RecurrentBinaryCodec.layout(codeDimensions: m, bits: bits, metric: metric).bytesPerVector
        }
    }

    /// Components that reach the quantizer.
    package func quantizedDimensions(from dimensions: Int) throws(KuklaError) -> Int {
        guard dimensions > 0 else {
            throw KuklaError(.usage, "Cannot make '\(self)' for vectors of \(dimensions) dimensions.")
        }
        var d = dimensions
        for transform in transforms { d = try transform.dimensions(from: d, in: self) }
        switch quantizer {
        case .product(let m, _), .productFastScan(let m):
            guard d % m == 0 else {
                throw KuklaError(
                    .usage,
                    "'\(quantizer.word)' cuts vectors into \(m) equal parts, but \(d) dimensions reach it in '\(self)'; choose a divisor of \(d), or a transform to a multiple of \(m)."
                )
            }
        case .recurrentBinary:
            guard isUnit(before: transforms.count, metric: .cosine, dimensions: dimensions) else {
                throw KuklaError(
                    .usage,
                    "'\(quantizer.word)' takes vectors of length 1, which the transforms of '\(self)' do not give. Leave them out: the number in 'RBE\(d)' says how many components the code has."
                )
            }
        default: break
        }
        return d
    }
}

extension CodecConfiguration.Transform {
    /// Components that come out where `dimensions` go in.
    func dimensions(from dimensions: Int, in configuration: CodecConfiguration) throws(KuklaError) -> Int {
        let wanted: Int
        switch self {
        case .truncation(let d), .principalComponents(let d, _), .head(let d): wanted = d
        case .rotation(let d), .optimizedRotation(_, let d): wanted = d ?? dimensions
        }
        guard wanted <= dimensions else {
            throw KuklaError(
                .usage,
                "'\(word)' asks for \(wanted) dimensions, but only \(dimensions) reach it in '\(configuration)'; choose at most \(dimensions)."
            )
        }
        if case .optimizedRotation(let m, _) = self, wanted % m != 0 {
            throw KuklaError(
                .usage,
                "'\(word)' cuts vectors into \(m) equal parts, but makes \(wanted) dimensions in '\(configuration)'; choose a divisor of \(wanted)."
            )
        }
        return wanted
    }
}
