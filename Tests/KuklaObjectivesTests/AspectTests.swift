import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct AspectTests {
    static let cases: [GradientCase] = [
        GradientCase("contrastive that spares the row's own label", inputs: LossGradientTests.inputs(2)) {
            MultipleNegativesRankingLoss(temperature: 0.5, isSymmetric: true, sparesSameLabel: true)(
                $0, scores: [1, 2, 1, 3, 2])
        },
        GradientCase(
            "retrofitting",
            inputs: { random in
                [[3, 6], [3, 6], [6, 6], [6, 6]].map { Tensor.normal($0, using: &random) }
            }
        ) {
            var random = RandomSource(seed: 4)
            let original = [[3, 6], [3, 6], [6, 6], [6, 6]].map { Tensor.normal($0, using: &random) }
            func columns(_ x: [Tensor]) -> RetrofittingLoss.Columns {
                .init(first: x[0], second: x[1], firstNeighbours: x[2], secondNeighbours: x[3])
            }
            return RetrofittingLoss(regularization: 0.3)(mapped: columns($0), original: columns(original))
        },
    ]

    @Test(arguments: cases)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `a positive of the same label is no negative, and one of another label is`() {
        let anchors = Tensor(shape: [2, 2], elements: [1, 0, 0.8, 0.6])
        let loss = MultipleNegativesRankingLoss(temperature: 0.1, sparesSameLabel: true)
        #expect(loss([anchors, anchors], scores: [7, 7]).item == 0)
        #expect(loss([anchors, anchors], scores: [7, 8]).item > 0.05)
        let plain = MultipleNegativesRankingLoss(temperature: 0.1)([anchors, anchors])
        #expect(abs(loss([anchors, anchors], scores: [7, 8]).item - plain.item) < 1e-6)
    }

    @Test func `retrofitting asks nothing of vectors whose pairs meet and whose neighbours stay`() {
        func columns(_ pair: [Float]) -> RetrofittingLoss.Columns {
            .init(
                first: Tensor(shape: [1, 2], elements: [1, 0]),
                second: Tensor(shape: [1, 2], elements: pair),
                firstNeighbours: Tensor(shape: [1, 2], elements: [0, 1]),
                secondNeighbours: Tensor(shape: [1, 2], elements: [0, 1]))
        }
        let loss = RetrofittingLoss(regularization: 0)
        #expect(loss(mapped: columns([1, 0]), original: columns([1, 0])).item < 1e-10)
        // Pair distance 1 - 0.6: each gap is short of what is wanted by that.
        let apart = columns([0.6, 0.8])
        #expect(abs(loss(mapped: apart, original: apart).item - 0.16) < 1e-5)
    }

    @Test func `figures of retrieval by label are those of the definition`() throws {
        // By angle: 0, 10, 20 and 90 degrees.
        let vectors = Matrix(
            rows: 4, columns: 2,
            elements: [0, 10, 20, 90].flatMap { (angle: Float) in
                [Float(cos(Double(angle) * .pi / 180)), Float(sin(Double(angle) * .pi / 180))]
            })
        let found = LabelRetrieval(vectors, count: 3)
        #expect(found.neighbours[0] == [1, 2, 3])
        #expect(found.neighbours[3] == [2, 1, 0])
        let figures = found.figures(labels: [1, 2, 1, 3], at: 2)
        #expect(figures[0]?.averagePrecision == 0.5)
        #expect(figures[0]?.reciprocalRank == 0.5)
        #expect(figures[1] == nil && figures[3] == nil)
        #expect(found.overlap(with: found, at: 2) == [1, 1, 1, 1])
    }

    @Test func `pairs that hang together are of one label, and nothing unlike is an error`() throws {
        let rows = [["a", "b"], ["b", "c"], ["d", "e"]]
        _ = try AspectExamples("topic", pairs: rows)
        let error = try #require(throws: KuklaError.self) {
            try AspectExamples("topic", pairs: rows + [["c", "d"]])
        }
        #expect("\(error)".contains("--documents"))
        #expect(throws: KuklaError.self) {
            try AspectExamples("topic", texts: ["a", "b"], labels: ["x", "x"])
        }
    }

    @Test func `a retrofitted space finds texts of one label that training has not seen`() throws {
        var random = RandomSource(seed: 5)
        // Eight components tell the label, faintly; the rest is louder, and of something else.
        let centres = (0..<4).map { _ in (0..<8).map { _ in random.normal() } }
        let labels = (0..<400).map { Int32($0 % 4) }
        var elements: [Float] = []
        for label in labels {
            elements += centres[Int(label)].map { 0.7 * $0 + 0.3 * random.normal() }
            elements += (0..<8).map { _ in 1.5 * random.normal() }
        }
        let vectors = Tensor(shape: [400, 16], elements: elements).normalized().matrix
        var rows: [[Int]] = []
        for first in 0..<300 {
            rows.append([first, (first + 4 * Int.random(in: 1..<70, using: &random)) % 300])
        }
        let heldOut = Array(300..<400)
        let map = RetrofitMap(dimensions: 16, hidden: 32, using: &random)
        var options = AspectOptions.recipe(.retrofit)
        // 300 pairs are five steps a pass.
        options.training.length = .epochs(60)
        let task = RetrofitTask(
            model: map, vectors: vectors, labels: labels, rows: rows, heldOut: heldOut,
            options: options.options)
        let before = try #require(task.evaluate()["map_at_25"])
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try TrainingRun(folder, recipe: options).train(task)
        let after = try #require(task.evaluate()["map_at_25"])
        #expect(after > before + 0.1, "\(before) -> \(after)")
        #expect(map.mapped(vectors).row(0).reduce(0) { $0 + $1 * $1 } - 1 < 1e-5)
    }
}
