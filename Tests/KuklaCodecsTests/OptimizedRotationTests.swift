import Foundation
import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct OptimizedRotationTests {
    /// Vectors whose variance falls steeply from dimension to dimension: the worst case for plain subspaces.
    private func skewed(_ rows: Int, dimensions: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: dimensions) { out in
            for i in out.indices { out[i] = random.normal() * exp(-Float(i % dimensions) / 6) }
        }
    }

    private func error(_ x: Matrix, subspaces: Int) throws -> Double {
        let codec = try ProductQuantizer.train(
            on: x, metric: .squaredEuclidean, subspaces: subspaces, bits: 4, configuration: .any)
        let decoded = QuantizerFixtures.encode(codec, x).withUnsafeBytes { codec.decode($0, count: x.rows) }
        return (0..<x.rows).reduce(0) {
            $0 - QuantizerFixtures.score(.squaredEuclidean, x.row($1), decoded.row($1))
        } / Double(x.rows)
    }

    @Test func `the learned rotation loses less than none and than a random one`() throws {
        let x = skewed(3000, dimensions: 32, seed: 1)
        let rotation = try ProductQuantizer.learnRotation(on: x, subspaces: 8, bits: 4)
        let random = try Matrix.randomRotation(dimensions: 32, seed: 3)
        let learned = try error(x.multiplied(by: rotation, transposed: true), subspaces: 8)
        let (plain, turned) = (
            try error(x, subspaces: 8), try error(x.multiplied(by: random, transposed: true), subspaces: 8)
        )
        // Seen: plain 1.126, random rotation 0.900, learned 0.156.
        #expect(learned < 0.25 * turned)
        #expect(turned < plain)
        #expect(learned > 0.1)
    }

    @Test(arguments: [(24, 24), (24, 16)])
    func `rows are orthonormal and seeded`(input: Int, output: Int) throws {
        let x = skewed(500, dimensions: input, seed: 1)
        let rotation = try ProductQuantizer.learnRotation(
            on: x, subspaces: 4, outputDimensions: output, bits: 4, iterations: 3, threads: 2)
        #expect(rotation.rows == output)
        let product = rotation.multiplied(by: rotation, transposed: true)
        for i in 0..<output { for j in 0..<output { #expect(abs(product[i, j] - (i == j ? 1 : 0)) < 1e-4) } }
        let again = try ProductQuantizer.learnRotation(
            on: x, subspaces: 4, outputDimensions: output, bits: 4, iterations: 3, threads: 1)
        for (a, b) in zip(rotation.elements, again.elements) { #expect(abs(a - b) < 1e-4) }
    }

    @Test func `shapes that do not fit throw`() {
        let x = skewed(100, dimensions: 24, seed: 1)
        for (m, output, bits) in [(5, 24, 4), (4, 25, 4), (4, 28, 4), (4, 24, 8), (4, 24, 3)] {
            #expect(throws: KuklaError.self) {
                try ProductQuantizer.learnRotation(on: x, subspaces: m, outputDimensions: output, bits: bits)
            }
        }
    }
}
