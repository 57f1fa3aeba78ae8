import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText
import Testing

@Suite struct ElasticLossTests {
    private let base = MultipleNegativesRankingLoss(temperature: 0.3)
    private let full = ModelSize(layers: 4, dimensions: 8)

    private func columns(_ count: Int, seed: UInt64 = 3) -> [Tensor] {
        var random = RandomSource(seed: seed)
        return (0..<count).map { _ in Tensor.normal([5, 8], using: &random).watched() }
    }

    @Test func `a size has no gradient beyond its own components, and sees a prefix of length 1`() throws {
        let (small, whole) = (columns(2), columns(2))
        let loss = MatryoshkaLoss(base, dimensions: [3])(small, scores: [])
        let gradient = try #require(loss.gradients()[small[0]]).dense
        for row in 0..<5 {
            #expect((0..<3).contains { gradient[row, $0] != 0 })
            #expect((3..<8).allSatisfy { gradient[row, $0] == 0 })
        }
        // The length of the whole row does not matter: neither does what stands behind the prefix.
        let longer = whole.map { x in
            Tensor.concatenated([x.slice(axis: 1, 0..<3), x.slice(axis: 1, 3..<8) * 9], axis: 1)
        }
        #expect(
            MatryoshkaLoss(base, dimensions: [3])(longer, scores: []).item
                == MatryoshkaLoss(base, dimensions: [3])(whole, scores: []).item)
    }

    @Test func `losses of sizes are summed by weight, and the whole size alone is the base`() {
        let x = columns(3)
        #expect(MatryoshkaLoss(base, dimensions: [8])(x, scores: []).item == base(x).item)
        let parts = [8, 4].map { MatryoshkaLoss(base, dimensions: [$0])(x, scores: []).item }
        let sum = MatryoshkaLoss(base, dimensions: [8, 4], weights: [1, 3])(x, scores: []).item
        #expect(abs(sum - parts[0] - 3 * parts[1]) < 1e-5)
        let alone = StarbucksLoss(base, sizes: [full]).objective(mode: .inference)
        #expect(alone.layers == [4])
        #expect(abs(alone.loss([x], []).item - base(x).item) < 1e-6)
    }

    @Test func `a teacher that is taken as it is gets no gradient from its students`() throws {
        for space in [Alignment.Space.dimensions, .candidates] {
            func gradient(weight: Float, detaches: Bool) throws -> [Float] {
                let x = columns(4)
                let loss = StarbucksLoss(
                    base, sizes: [ModelSize(layers: 2, dimensions: 4), full],
                    alignment: Alignment(over: space, weight: weight, detachesTeacher: detaches))
                let value = loss.objective(mode: .inference).loss([Array(x[..<2]), Array(x[2...])], [])
                return try #require(value.gradients()[x[2]]).dense.elements
            }
            let without = try gradient(weight: 0, detaches: true)
            #expect(try gradient(weight: 5, detaches: true) == without)
            #expect(try gradient(weight: 5, detaches: false) != without)
        }
    }

    @Test func `a student that is its teacher loses nothing by the alignment`() {
        let x = columns(2)
        for space in [Alignment.Space.dimensions, .candidates] {
            func value(_ weight: Float) -> Float {
                Matryoshka2DLoss(
                    base, full: full, layers: [1], dimensions: [4],
                    alignment: Alignment(over: space, weight: weight)
                ).objective(mode: .inference).loss([x, x], []).item
            }
            #expect(abs(value(100) - value(0)) < 1e-4)
        }
    }

    @Test func `layers and sizes are drawn once a step, all of them in time, the same from the same seed`() {
        let loss = Matryoshka2DLoss(base, full: full, layers: [1, 2, 3], dimensions: [2, 4])
        func draws(_ seed: UInt64) -> [[Int]] {
            let stream = RandomStream(seed: seed)
            return (0..<60).map { _ in loss.objective(mode: .training(stream)).layers }
        }
        #expect(draws(1) == draws(1) && draws(1) != draws(2))
        #expect(Set(draws(1)) == [[1, 4], [2, 4], [3, 4]])
        let counts = [1, 2, 3].map { layer in draws(4).count { $0[0] == layer } }
        #expect(counts.allSatisfy { $0 > 8 })
    }

    @Test func `a step takes the largest size and as many others as it is told to, all of them in time`() {
        let whole = MatryoshkaLoss(base, dimensions: [8, 4, 2, 6], weights: [1, 2, 3, 4])
        let loss = SampledMatryoshkaLoss(whole, count: 2, layers: 4)
        let x = columns(2)
        func value(_ sizes: [Int], _ weights: [Float]) -> Float {
            MatryoshkaLoss(base, dimensions: sizes, weights: weights)(x, scores: []).item
        }
        let pairs = [
            value([8, 4, 2], [1, 2, 3]), value([8, 4, 6], [1, 2, 4]), value([8, 2, 6], [1, 3, 4]),
        ]
        let stream = RandomStream(seed: 4)
        var seen = Set<Int>()
        for _ in 0..<40 {
            let objective = loss.objective(mode: .training(stream))
            #expect(objective.layers == [4])
            let found = objective.loss([x], []).item
            let nearest = pairs.indices.min { abs(pairs[$0] - found) < abs(pairs[$1] - found) } ?? 0
            #expect(abs(pairs[nearest] - found) < 1e-4)
            seen.insert(nearest)
        }
        #expect(seen.count == 3)
        #expect(abs(loss.objective(mode: .inference).loss([x], []).item - pairs[0]) < 1e-4)
    }
}
