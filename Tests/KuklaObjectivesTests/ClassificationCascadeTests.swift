import KuklaNumerics
import KuklaObjectives
import Testing

@Suite struct ClassificationCascadeTests {
    /// Probabilities of two classes, by that of class 1.
    private func matrix(_ ones: [Float]) -> Matrix {
        Matrix(rows: ones.count, columns: 2, elements: ones.flatMap { [1 - $0, $0] })
    }

    @Test func `the first level that is sure enough answers`() {
        let cascade = ClassificationCascade([
            .init(dimensions: 8, threshold: 0.9), .init(dimensions: 16, threshold: 0.7),
            .init(dimensions: 64, threshold: 0),
        ])
        let outcome = cascade([
            matrix([0.95, 0.6, 0.6, 0.1]), matrix([0.2, 0.75, 0.6, 0.9]), matrix([0.1, 0.1, 0.4, 0.9]),
        ])
        #expect(outcome.labels == [1, 1, 0, 0])
        #expect(outcome.dimensions == [8, 16, 64, 8])
        #expect(outcome.expectedDimensions == 24)
    }

    @Test func `thresholds are the lowest that lose nothing on what was held out`() {
        // The small size is right where it gives at least 0.8, the large one always.
        let small = matrix([0.95, 0.9, 0.8, 0.7, 0.6])
        let large = matrix([0.9, 0.9, 0.9, 0.2, 0.9])
        let labels = [1, 1, 1, 0, 1]
        let strict = ClassificationCascade(choosingOn: [small, large], labels: labels, dimensions: [8, 64])
        #expect(strict.levels[0].threshold == 0.8)
        #expect(strict([small, large]).labels == labels)
        // Three small answers, two large ones.
        #expect(strict([small, large]).expectedDimensions == 30.4)
        // One of five may be lost: everything is then answered small.
        let loose = ClassificationCascade(
            choosingOn: [small, large], labels: labels, dimensions: [8, 64], tolerance: 0.2)
        #expect(loose([small, large]).expectedDimensions == 8)
    }

    @Test func `equal confidences stay together, and a size that loses by answering never does`() {
        let small = matrix([0.9, 0.9, 0.9])
        let large = matrix([0.9, 0.9, 0.1])
        let cascade = ClassificationCascade(
            choosingOn: [small, large], labels: [1, 1, 0], dimensions: [2, 4])
        #expect(cascade.levels[0].threshold == .infinity)
        #expect(cascade([small, large]).expectedDimensions == 4)
        let alone = ClassificationCascade(choosingOn: [large], labels: [1, 1, 0], dimensions: [4])
        #expect(alone == ClassificationCascade([.init(dimensions: 4, threshold: 0)]))
    }

    @Test func `on random scores the cascade loses no more than it may`() {
        var random = RandomSource(seed: 5)
        for trial in 0..<20 {
            let labels = (0..<60).map { _ in Int.random(in: 0...1, using: &random) }
            let levels = (0..<3).map { level in
                matrix(
                    labels.map { label in
                        let noise = random.normal() * (0.5 - 0.15 * Float(level))
                        return min(max((label == 1 ? 0.75 : 0.25) + noise, 0.001), 0.999)
                    })
            }
            func right(_ found: [Int]) -> Int { zip(found, labels).count { $0 == $1 } }
            let whole = right(
                ClassificationCascade([.init(dimensions: 64, threshold: 0)])([levels[2]]).labels)
            for tolerance in [0, 0.1] {
                let outcome = ClassificationCascade(
                    choosingOn: levels, labels: labels, dimensions: [8, 16, 64], tolerance: tolerance)(levels)
                let mayLose = Int(60 * tolerance)
                #expect(right(outcome.labels) >= whole - mayLose, "trial \(trial)")
                #expect(outcome.expectedDimensions <= 64)
            }
        }
    }
}
