import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText
import Testing

/// Values and gradients of sentence-transformers' losses, made by Scripts/golden/objectives.py.
struct GoldenLosses: Decodable {
    struct Settings: Decodable {
        let temperature: Float?
        let symmetric: Bool?
        let scale: Float?
    }
    struct Case: Decodable {
        let name: String
        let columns: Int
        let settings: Settings
        let value: Float
        let gradients: [[Float]]
    }
    /// A loss over two layers: the gradients of the earlier layer's columns, then of the last's.
    struct Layered: Decodable {
        let name: String
        let value: Float
        let gradients: [[Float]]
    }
    let rows: Int
    let width: Int
    let columns: [[Float]]
    let scores: [Float]
    let cases: [Case]
    let layered: [Layered]

    static func load() throws -> GoldenLosses {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "Golden/objectives.json")
        return try JSONDecoder().decode(GoldenLosses.self, from: Data(contentsOf: url))
    }
}

@Suite struct GoldenLossTests {
    @Test(arguments: 0..<10)
    func `values and gradients are those of sentence-transformers`(_ index: Int) throws {
        let golden = try GoldenLosses.load()
        let expected = golden.cases[index]
        let loss: any EmbeddingLoss =
            switch expected.name {
            case "contrastive":
                MultipleNegativesRankingLoss(
                    temperature: expected.settings.temperature ?? 0.05,
                    isSymmetric: expected.settings.symmetric ?? false)
            case "cosent": CoSENTLoss(scale: expected.settings.scale ?? 20)
            case "angle": AnglELoss(scale: expected.settings.scale ?? 20)
            case "matryoshka contrastive":
                MatryoshkaLoss(
                    MultipleNegativesRankingLoss(), dimensions: [8, 4, 2], weights: [1, 0.5, 2])
            case "matryoshka cosent":
                MatryoshkaLoss(CoSENTLoss(), dimensions: [8, 4, 2], weights: [1, 0.5, 2])
            default: CosineRegressionLoss()
            }
        #expect(expected.name.hasPrefix(loss.name))
        let columns = golden.columns.prefix(expected.columns).map {
            Tensor(shape: [golden.rows, golden.width], elements: $0).watched()
        }
        let scores = expected.name == "cosine" ? golden.scores.map { $0 / 5 } : golden.scores
        let value = loss(columns, scores: scores)
        #expect(abs(value.item - expected.value) < 1e-5 * max(1, abs(expected.value)))
        let gradients = value.gradients()
        for (column, wanted) in zip(columns, expected.gradients) {
            let found = try #require(gradients[column]).dense.elements
            let scale = max(1e-3, wanted.map(abs).max() ?? 0)
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 2e-4 * scale, "\(expected.name): \(worst) of \(scale)")
        }
    }

    @Test(arguments: 0..<2)
    func `losses over layers are those of their papers' formulas in PyTorch`(_ index: Int) throws {
        let golden = try GoldenLosses.load()
        let expected = golden.layered[index]
        let base = MultipleNegativesRankingLoss()
        let full = ModelSize(layers: 2, dimensions: golden.width)
        let loss: any LayeredLoss =
            expected.name == "starbucks"
            ? StarbucksLoss(base, sizes: [ModelSize(layers: 1, dimensions: 4), full])
            : Matryoshka2DLoss(base, full: full, layers: [1], dimensions: [4])
        #expect(loss.name == expected.name)
        let columns = [3, 4, 0, 1].map {
            Tensor(shape: [golden.rows, golden.width], elements: golden.columns[$0]).watched()
        }
        let objective = loss.objective(mode: .training(RandomStream(seed: 1)))
        #expect(objective.layers == [1, 2])
        let value = objective.loss([Array(columns[..<2]), Array(columns[2...])], [])
        #expect(abs(value.item - expected.value) < 1e-5 * max(1, abs(expected.value)))
        let gradients = value.gradients()
        for (column, wanted) in zip(columns, expected.gradients) {
            let found = try #require(gradients[column]).dense.elements
            let scale = max(1e-3, wanted.map(abs).max() ?? 0)
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 2e-4 * scale, "\(expected.name): \(worst) of \(scale)")
        }
    }

    @Test func `equal scores have no order to learn`() throws {
        var random = RandomSource(seed: 3)
        let columns = (0..<2).map { _ in Tensor.normal([4, 6], using: &random).watched() }
        let loss = CoSENTLoss()(columns, scores: [2, 2, 2, 2])
        #expect(loss.item == 0)
        let gradient = try #require(loss.gradients()[columns[0]]).dense
        #expect(gradient.elements.allSatisfy { $0 == 0 })
    }

    @Test func `NaN embeddings make the loss NaN`() {
        let bad = Tensor(shape: [2, 2], elements: [.nan, 1, 1, 1])
        let good = Tensor.ones([2, 2])
        for loss in [CoSENTLoss(), AnglELoss(), CosineRegressionLoss(), MultipleNegativesRankingLoss()]
            as [any EmbeddingLoss]
        {
            #expect(loss([bad, good], scores: [0, 1]).item.isNaN, "\(loss.name)")
        }
    }
}
