import KuklaCodecs
import KuklaNumerics
import KuklaTensor

extension RecurrentBinaryCodec {
    /// This codec of random rotations with the leading components turned to those of `older`: the linear map of `vectors` that
    /// comes nearest to what the older codec's first signs are taken of, by least squares.
    ///
    /// - Parameters:
    ///   - vectors: `[n, dimensions]`; the first 20,000 rows are looked at.
    ///   - olderVectors: `[n, older.dimensions]`, row by row what `older` takes of the same.
    /// - Throws: `KuklaError.badData` where the system of equations is singular all the same: all vectors are zero.
    func aligned(
        with older: RecurrentBinaryCodec, _ vectors: Matrix, older olderVectors: Matrix
    ) throws(KuklaError) -> RecurrentBinaryCodec {
        let sample = 0..<min(20_000, vectors.rows)
        let x = Tensor(vectors[rows: sample])
        let wanted = Tensor(older.activations(of: olderVectors[rows: sample]))
        let d = dimensions
        // Rows have length 1, so that the diagonal's mean is n / d: a ten-thousandth of it keeps directions without vectors
        // from growing.
        let ridge = Tensor.identity(d) * (1e-4 * Float(sample.count) / Float(d))
        let map = try (x.transposed().matmul(x) + ridge).solve(x.transposed().matmul(wanted))
        let leading = map.transposed() / Float(d).squareRoot()
        let others = Tensor(network.reconstructions[0].weight.transposed())
        let projection = Tensor.concatenated(
            [leading, others[rows: older.codeDimensions..<codeDimensions]], axis: 0)
        return RecurrentBinaryCodec(
            dimensions: d, codeDimensions: codeDimensions, bits: bits,
            network: RecurrentBinaryNetwork(projection: projection.matrix, bits: bits))
    }
}
