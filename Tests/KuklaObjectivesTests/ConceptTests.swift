import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct ConceptTests {
    static let relevant = Tensor(shape: [3, 3], elements: [1, 0, 1, 0, 1, 0, 0, 0, 1])

    static let cases: [GradientCase] = [
        GradientCase(
            "relevance",
            inputs: { random in
                [
                    Tensor.normal([3, 5], using: &random), Tensor.normal([3, 5], using: &random),
                    Tensor([0.4, -0.3]),
                ]
            }
        ) { SESALoss.relevance($0[0], $0[1], relevant: relevant, relation: $0[2]) },
        GradientCase("explicitness", inputs: { random in [Tensor.normal([3, 3], using: &random)] }) {
            SESALoss.explicitness($0[0], known: relevant)
        },
        GradientCase(
            "sparsity",
            inputs: { random in [Tensor.uniform([3, 4], in: 0.2...2, using: &random)] }
        ) { SESALoss.sparsity($0[0]) },
    ]

    @Test(arguments: cases)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `relevant and other pairs count alike, and a text without concepts hurts nothing`() {
        let vectors = Tensor(shape: [2, 3], elements: [1, 0, 0, 0, 0, 0]).watched()
        let loss = SESALoss.relevance(
            vectors, vectors, relevant: .identity(2), relation: Tensor([0, 0]))
        // Logits 1, 0, 0, 0: the mean of log(1 + e^-1) and log 2, and log 2, halved each.
        let wanted = (log(1 + exp(-1.0)) + log(2)) / 4 + log(2) / 2
        #expect(abs(Double(loss.item) - wanted) < 1e-6)
        let gradient = loss.gradients()[vectors]?.dense
        let values = gradient.map { $0.withUnsafeBufferPointer { Array($0) } } ?? []
        #expect(values.count == 6 && values.allSatisfy(\.isFinite))
    }

    @Test(arguments: 1...20)
    func `contributions sum to the cosine, and a deletion takes away what was printed`(_ seed: Int) {
        var random = RandomSource(seed: UInt64(seed))
        func row() -> [Float] { (0..<40).map { _ in max(0, random.normal()) } }
        let (a, b) = (row(), row())
        let (x, y) = (ConceptVector(a), ConceptVector(b))
        let parts = x.contributions(to: y)
        let dot = zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        func norm(_ v: [Float]) -> Double { v.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }
        let cosine = dot / (norm(a) * norm(b))
        #expect(abs(x.cosine(y) - cosine) < 1e-12)
        #expect(parts.reduce(0) { $0 + $1.value } == x.cosine(y))
        #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.value >= $1.value })
        var cut = a
        let taken = parts.prefix(5)
        for part in taken { cut[part.concept] = 0 }
        let left = zip(cut, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } / (norm(a) * norm(b))
        #expect(abs(cosine - left - taken.reduce(0) { $0 + $1.value }) < 1e-12)
        let few = ConceptVector(a, keeping: 8)
        #expect(few.concepts.count == 8 && few.bytes(of: 40) == 48)
        #expect(few.values.min()! >= a.sorted(by: >)[8])
    }

    @Test func `a text without concepts has no contributions`() {
        let none = ConceptVector([0, 0])
        #expect(none.contributions(to: ConceptVector([1, 2])).isEmpty)
        #expect(none.cosine(none) == 0)
    }

    @Test func `the area under the curve counts ties by half`() {
        #expect(RankingArea.underROC(relevant: [3, 2], others: [1, 0]) == 1)
        #expect(RankingArea.underROC(relevant: [1], others: [1]) == 0.5)
        #expect(RankingArea.underROC(relevant: [2, 1], others: [1, 0]) == 0.875)
    }

    @Test func `an article is nearest to itself, and ESA is linear in tf-idf`() {
        var random = RandomSource(seed: 3)
        let words = (0..<300).map { "w\($0)" }
        let articles = (0..<150).map { _ in
            (0..<60).map { _ in
                let place = random.uniform()
                return words[Int(Double(place * place) * 299)]
            }.joined(separator: " ")
        }
        for prunes in [false, true] {
            let encoder = ESAEncoder(articles: articles, prunes: prunes)
            let own = articles.enumerated().count { place, article in
                let found = encoder.vector(of: article)
                let best = found.values.indices.max { found.values[$0] < found.values[$1] }
                return best.map { Int(found.concepts[$0]) } == place
            }
            #expect(own >= (prunes ? 135 : 150), "\(own) of 150, prunes \(prunes)")
            let (x, y) = (encoder.weights(of: articles[0]), encoder.weights(of: articles[1]))
            let sum = x.mapValues { 2 * $0 }.merging(y.mapValues { 3 * $0 }, uniquingKeysWith: +)
            func dense(_ v: ConceptVector) -> [Float] {
                var row = [Float](repeating: 0, count: 150)
                for (concept, value) in zip(v.concepts, v.values) { row[Int(concept)] = value }
                return row
            }
            let (a, b) = (dense(encoder.vector(ofWeights: x)), dense(encoder.vector(ofWeights: y)))
            let both = dense(encoder.vector(ofWeights: sum))
            for i in 0..<150 { #expect(abs(both[i] - 2 * a[i] - 3 * b[i]) < 1e-3) }
        }
    }

    @Test func `labels that are no concept, and texts without any, are errors`() throws {
        let texts = [LabelledText(text: "a", labels: ["": ["x"]])]
        let error = try #require(throws: KuklaError.self) {
            try ConceptExamples(concepts: [Concept("y"), Concept("z")], labelled: texts)
        }
        #expect("\(error)".contains("'x'"))
        #expect(throws: KuklaError.self) { try ConceptExamples(concepts: [], labelled: texts) }
        #expect(throws: KuklaError.self) {
            try ConceptExamples(concepts: [Concept("y"), Concept("z")], labelled: [], pairs: [["a", "b"]])
        }
    }
}
