package import KuklaNumerics

/// The maps of a recurrent binary codec: how a vector becomes a code, and a code a vector.
///
/// With `f` a vector of length 1, `b` begins as `sign(W f)`, and each further step codes what is still missing:
///
///     f' = B_i(b) / |B_i(b)|,   b += 2^-(i+1) sign(R_i(f - f')),   i = 0, 1 ...
///
/// where `sign(0)` is 1. The components of a code are then odd multiples of `2^-(bits - 1)` within 2 of zero.
package struct RecurrentBinaryNetwork: Sendable {
    /// `W`: from d to m dimensions.
    package let encoder: BinaryMap
    /// `R_i`, one for each step after the first: from d to m dimensions.
    package let residuals: [BinaryMap]
    /// `B_i`, one for each step: from m to d dimensions. The last one decodes whole codes.
    package let reconstructions: [BinaryMap]

    package init(encoder: BinaryMap, residuals: [BinaryMap], reconstructions: [BinaryMap]) {
        contract(
            reconstructions.count == residuals.count + 1,
            "RecurrentBinaryNetwork: \(residuals.count) residuals, \(reconstructions.count) reconstructions")
        self.encoder = encoder
        self.residuals = residuals
        self.reconstructions = reconstructions
    }

    /// Random rotations. More dimensions than d come from as many rotations, one below the other.
    init(dimensions d: Int, codeDimensions m: Int, bits: Int, seed: UInt64) throws(KuklaError) {
        var elements: [Float] = []
        elements.reserveCapacity(m * d)
        while elements.count < m * d {
            let rotation = try Matrix.randomRotation(
                dimensions: d, seed: seed &+ UInt64(elements.count / (d * d)))
            elements += rotation.elements.prefix(m * d - elements.count)
        }
        self.init(projection: Matrix(rows: m, columns: d, elements: elements), bits: bits)
    }

    /// Steps that all see a vector through the same `projection` `P` `[m, d]`, with rows of about length 1: `W` and all `R_i`
    /// are `P`, all `B_i` its transpose, stretched so that signs are taken of components of deviation near 1 (in
    /// training, gradients pass a sign where its input is within 1).
    package init(projection: Matrix, bits: Int) {
        let (m, d) = (projection.rows, projection.columns)
        func scaled(_ gain: Float) -> BinaryMap {
            BinaryMap(
                weight: Matrix(rows: m, columns: d, elements: projection.elements.map { gain * $0 }),
                bias: [Float](repeating: 0, count: m))
        }
        let length = Float(d).squareRoot()
        let back = BinaryMap(weight: projection.transposed(), bias: [Float](repeating: 0, count: d))
        self.init(
            encoder: scaled(length), residuals: (0..<bits - 1).map { scaled(length * Float(2 << $0)) },
            reconstructions: [BinaryMap](repeating: back, count: bits))
    }

    init(
        dimensions d: Int, codeDimensions m: Int, bits: Int, from reader: ParameterReader
    ) throws(KuklaError) {
        encoder = try BinaryMap("encoder", inputs: d, outputs: m, from: reader)
        residuals = try (0..<bits - 1).map { i throws(KuklaError) in
            try BinaryMap("residual.\(i)", inputs: d, outputs: m, from: reader)
        }
        reconstructions = try (0..<bits).map { i throws(KuklaError) in
            try BinaryMap("reconstruction.\(i)", inputs: m, outputs: d, from: reader)
        }
        try reader.expectOnly(Array(parameters.keys))
    }

    var parameters: [String: Matrix] {
        var all = encoder.parameters("encoder")
        for (i, map) in residuals.enumerated() { all.merge(map.parameters("residual.\(i)")) { $1 } }
        for (i, map) in reconstructions.enumerated() {
            all.merge(map.parameters("reconstruction.\(i)")) { $1 }
        }
        return all
    }

    /// Codes `[n, m]`.
    package func codes(of vectors: Matrix) -> Matrix {
        var codes = encoder(vectors)
        codes.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] = $0[i] < 0 ? -1 : 1 } }
        var weight: Float = 1
        for (residual, reconstruction) in zip(residuals, reconstructions) {
            var rest = reconstruction(codes)
            rest.normalizeRows()
            rest.withUnsafeMutableBufferPointer { rest in
                vectors.withUnsafeBufferPointer { for i in rest.indices { rest[i] = $0[i] - rest[i] } }
            }
            weight /= 2
            let steps = residual(rest)
            codes.withUnsafeMutableBufferPointer { codes in
                steps.withUnsafeBufferPointer {
                    for i in codes.indices { codes[i] += $0[i] < 0 ? -weight : weight }
                }
            }
        }
        return codes
    }

    /// Vectors of length 1, `[n, d]`, of codes `[n, m]`.
    func vectors(of codes: Matrix) -> Matrix {
        var result = reconstructions[reconstructions.count - 1](codes)
        result.normalizeRows()
        return result
    }
}
