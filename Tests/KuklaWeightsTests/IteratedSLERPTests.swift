import Foundation
import KuklaTensor
import KuklaWeights
import Testing

@Suite struct IteratedSLERPTests {
    /// Task vectors of a base of zeros.
    private func vectors(_ rows: [[Float]]) -> TaskVectors {
        let tuned = rows.map { ModelWeights([("w", Tensor($0))]) }
        return TaskVectors(base: tuned[0].origin, tuned: tuned)
    }

    private func slerp(_ rows: [[Float]], _ weights: [Double]) -> [Float] {
        let vectors = vectors(rows)
        return elements(
            .sum(vectors.terms(vectors.coefficients(at: MergePosition(weights: weights)))))
    }

    @Test func `equal vectors give that vector, whatever the weights`() {
        let row: [Float] = [0.3, -2, 5, 0.1]
        for weights in [[1.0, 1], [0.01, 7]] {
            #expect(zip(slerp([row, row], weights), row).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        #expect(zip(slerp([row, row, row], [3, 1, 2]), row).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test func `orthogonal vectors of one norm keep it`() {
        for a in [0.05, 0.5, 1, 4, 60] {
            let found = slerp([[3, 0, 0, 0], [0, 0, 3, 0]], [1, a])
            let norm = found.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(norm - 3) < 1e-6)
        }
        let third = slerp([[2, 0, 0], [0, 2, 0], [0, 0, 2]], [1, 2, 3])
        #expect(abs(third.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot() - 2) < 1e-6)
    }

    @Test func `the formula, by hand`() {
        // 60 degrees, a third of the way.
        let (a, b): ([Float], [Float]) = ([1, 0], [0.5, Float(0.75).squareRoot()])
        let (first, second) = (sin(40 * Double.pi / 180), sin(20 * Double.pi / 180))
        let sine = sin(Double.pi / 3)
        let found = slerp([a, b], [2, 1])
        for i in 0..<2 {
            let expected = (first * Double(a[i]) + second * Double(b[i])) / sine
            #expect(abs(Double(found[i]) - expected) < 1e-6)
        }
    }

    @Test func `a vector of zero or an opposite one is met linearly`() {
        #expect(slerp([[0, 0], [2, 4]], [1, 1]) == [1, 2])
        #expect(slerp([[-2, -4], [2, 4]], [1, 3]) == [1, 2])
    }

    @Test func `coefficients change with the weights as their slopes say`() {
        let (_, vectors) = taskVectors(4, seed: 3)
        let slerp = IteratedSLERP(products: vectors.products)
        let weights = [0.4, 1.7, 1.1, 0.8]
        let slopes = slerp(weights).slopes
        for j in weights.indices {
            var (up, down) = (weights, weights)
            up[j] += 1e-5
            down[j] -= 1e-5
            let (high, low) = (slerp(up).coefficients, slerp(down).coefficients)
            for i in weights.indices {
                #expect(abs((high[i] - low[i]) / 2e-5 - slopes[i][j]) < 1e-7)
            }
        }
    }
}
