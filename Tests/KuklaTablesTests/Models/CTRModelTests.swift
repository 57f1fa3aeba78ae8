import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import Testing

@Suite struct CTRModelTests {
    private static let shape = CTRShape(
        widths: [4, 4, 4], numberCount: 2, lists: [.init(widths: [4], candidates: [1])])

    private func input(rows: Int, seed: UInt64 = 1) -> CTRInput {
        var random = RandomSource(seed: seed)
        let offsets = (0...rows).map { Int32($0 * ($0 + 1) / 2) }
        return CTRInput(
            count: rows, vectors: .normal([rows, 12], using: &random),
            numbers: .normal([rows, 2], using: &random),
            lists: [.init(vectors: .normal([Int(offsets[rows]), 4], using: &random), offsets: offsets)])
    }

    @Test(arguments: CTRConfiguration.Kind.allCases)
    func `a model gives each example one logit, and every parameter a gradient`(
        _ kind: CTRConfiguration.Kind
    ) throws {
        let model = try CTRConfiguration(kind, hidden: [8]).make(Self.shape, seed: 1)
        let logits = model(input(rows: 5), mode: .training(RandomStream(seed: 1)))
        #expect(logits.shape == [5])
        let gradients = logits.binaryCrossEntropy(targets: Tensor([1, 0, 1, 0, 1])).gradients()
        for named in model.trainableParameters {
            #expect(gradients[named.parameter] != nil, "\(named.path)")
        }
    }

    @Test(arguments: CTRConfiguration.Kind.allCases)
    func `an example's logit does not depend on the others`(_ kind: CTRConfiguration.Kind) throws {
        let model = try CTRConfiguration(kind, hidden: [8]).make(Self.shape, seed: 1)
        let all = input(rows: 4)
        let logits = model(all, mode: .inference).elements
        for row in 0..<4 {
            let (start, end) = (Int(all.lists[0].offsets[row]), Int(all.lists[0].offsets[row + 1]))
            let alone = CTRInput(
                count: 1, vectors: all.vectors[rows: row..<row + 1],
                numbers: all.numbers?[rows: row..<row + 1],
                lists: [
                    .init(vectors: all.lists[0].vectors[rows: start..<end], offsets: [0, Int32(end - start)])
                ])
            #expect(abs(model(alone, mode: .inference).item - logits[row]) < 1e-5)
        }
    }

    @Test func `the order of a history changes no logit of DIN`() throws {
        let model = try CTRConfiguration(.din, hidden: [8]).make(Self.shape, seed: 1)
        var random = RandomSource(seed: 7)
        let (vectors, events) = (
            Tensor.normal([1, 12], using: &random), Tensor.normal([6, 4], using: &random)
        )
        let numbers = Tensor.normal([1, 2], using: &random)
        func logit(_ order: [Int32]) -> Float {
            model(
                CTRInput(
                    count: 1, vectors: vectors, numbers: numbers,
                    lists: [.init(vectors: events.gathered(rows: order), offsets: [0, 6])]), mode: .inference
            ).item
        }
        #expect(abs(logit([0, 1, 2, 3, 4, 5]) - logit([5, 3, 1, 0, 2, 4])) < 1e-6)
    }

    @Test func `DIN with all weights 1 is its base`() throws {
        let options = CTRConfiguration(.din, hidden: [8])
        let din = try #require(options.make(Self.shape, seed: 1) as? DeepInterestNetwork)
        let base = try CTRConfiguration(.pooling, hidden: [8]).make(Self.shape, seed: 1)
        for named in base.parameters {
            named.parameter.value = try #require(din.parameters.first { $0.path == named.path }).parameter
                .value
        }
        // The last layer of the activation unit says 1 whatever it sees.
        for named in din.parameters where named.path.hasPrefix("attention.0.network.layers.1") {
            named.parameter.value = .full(named.parameter.shape, named.path.hasSuffix("bias") ? 1 : 0)
        }
        let batch = input(rows: 4)
        #expect(try #require(din.weights(of: 0, batch)).elements.allSatisfy { $0 == 1 })
        for (a, b) in zip(din(batch, mode: .inference).elements, base(batch, mode: .inference).elements) {
            #expect(abs(a - b) < 1e-6)
        }
    }

    @Test func `weights by softmax sum to 1 over each history`() throws {
        let options = CTRConfiguration(.din, hidden: [8], attention: .init(isNormalized: true))
        let din = try #require(options.make(Self.shape, seed: 1) as? DeepInterestNetwork)
        let batch = input(rows: 3)
        let weights = try #require(din.weights(of: 0, batch)).elements
        for row in 0..<3 {
            let range = Int(batch.lists[0].offsets[row])..<Int(batch.lists[0].offsets[row + 1])
            #expect(range.isEmpty || abs(weights[range].reduce(0, +) - 1) < 1e-5)
        }
    }

    @Test func `vectors of different widths are refused where they are multiplied`() {
        let uneven = CTRShape(widths: [4, 8])
        #expect(throws: KuklaError.self) { try CTRConfiguration(.dlrm).make(uneven, seed: 1) }
        #expect(throws: KuklaError.self) { try CTRConfiguration(.deepfm).make(uneven, seed: 1) }
        #expect(throws: KuklaError.self) { try CTRConfiguration(.din).make(uneven, seed: 1) }
        #expect(throws: Never.self) { try CTRConfiguration(.dcn).make(uneven, seed: 1) }
    }

    @Test func `a batch whose histories are all empty is no error`() throws {
        for kind in CTRConfiguration.Kind.allCases {
            let model = try CTRConfiguration(kind, hidden: [8]).make(Self.shape, seed: 1)
            let empty = CTRInput(
                count: 2, vectors: .ones([2, 12]), numbers: .ones([2, 2]),
                lists: [.init(vectors: .zeros([0, 4]), offsets: [0, 0, 0])])
            let logits = model(empty, mode: .training(RandomStream(seed: 1)))
            #expect(logits.elements.allSatisfy { $0.isFinite })
            _ = logits.sum().gradients()
        }
    }
}
