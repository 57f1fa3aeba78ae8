import KuklaIndex
import KuklaNumerics
import Testing

@Suite("PrincipalDimension")
struct PrincipalDimensionTests {
    @Test("vectors of rank r in 40 dimensions fill r of them", arguments: [1, 5, 40])
    func rank(_ rank: Int) throws {
        var random = RandomSource(seed: 3)
        var coefficients = Matrix(rows: 4000, columns: rank)
        coefficients.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] = random.normal() } }
        let basis = try Matrix.randomRotation(dimensions: 40, seed: 1)[rows: 0..<rank]
        let vectors = coefficients.multiplied(by: basis)
        #expect(try PrincipalDimension.estimate(vectors, share: 0.995) == rank)
        // The largest of equal variances hold a little more than their share.
        #expect(
            try (rank / 2 - 1...(rank + 1) / 2).contains(PrincipalDimension.estimate(vectors, share: 0.5)))
    }

    @Test("equal vectors fill none")
    func none() throws {
        #expect(try PrincipalDimension.estimate(Matrix(rows: 9, columns: 4)) == 0)
    }
}
