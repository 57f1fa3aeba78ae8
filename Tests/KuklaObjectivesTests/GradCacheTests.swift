import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import Testing

@Suite struct GradCacheTests {
    /// Two layers with dropout between them.
    struct Net: Module {
        let first, second: Linear
        let dropout: Dropout

        init(rate: Float) {
            var random = RandomSource(seed: 7)
            first = Linear(6, 16, using: &random)
            second = Linear(16, 5, using: &random)
            dropout = Dropout(rate)
        }

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("first", first)
            visitor.visit("second", second)
        }

        func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
            second(dropout(first(x, activation: .tanh), mode: mode))
        }
    }

    let inputs: Tensor = {
        var random = RandomSource(seed: 11)
        return Tensor.normal([12, 6], using: &random)
    }()

    func loss(_ embeddings: Tensor) -> Tensor {
        MultipleNegativesRankingLoss(temperature: 0.2, isSymmetric: true)([
            embeddings[rows: 0..<6], embeddings[rows: 6..<12],
        ])
    }

    func expectEqual(_ net: Net, _ a: Gradients, _ b: Gradients) throws {
        for named in net.parameters {
            let (x, y) = (
                try #require(a[named.parameter]).dense.elements,
                try #require(b[named.parameter]).dense.elements
            )
            let scale = max(1e-3, y.map(abs).max() ?? 0)
            #expect((zip(x, y).map { abs($0 - $1) }.max() ?? 0) < 1e-5 * scale, "\(named.path)")
        }
    }

    @Test(arguments: [1, 4, 5, 12, 100])
    func `gradients are those of one pass over the whole batch`(_ size: Int) throws {
        let net = Net(rate: 0)
        let plain = loss(net(inputs, mode: .inference))
        let cached = GradCache(microBatch: size)(count: 12, mode: .inference) {
            net(inputs[rows: $0], mode: .inference)
        } loss: {
            loss($0)
        }
        #expect(abs(cached.loss - plain.item) < 1e-6)
        try expectEqual(net, cached.gradients, plain.gradients())
        #expect(cached.gradients.count == 4)
    }

    @Test func `dropout is the same in both passes, and the stream goes on where one pass leaves it`() throws
    {
        let net = Net(rate: 0.4)
        let stream = RandomStream(seed: 5)
        let cached = GradCache(microBatch: 4)(count: 12, mode: .training(stream)) {
            net(inputs[rows: $0], mode: .training(stream))
        } loss: {
            loss($0)
        }
        // The same pieces, recorded, one behind the other: row i of the sum is the one that is not zero.
        let other = RandomStream(seed: 5)
        let embeddings = (0..<3).map { piece -> Tensor in
            let part = net(inputs[rows: piece * 4..<piece * 4 + 4], mode: .training(other))
            let place = Tensor(shape: [12, 4]) { out in
                out.update(repeating: 0)
                for i in 0..<4 { out[(piece * 4 + i) * 4 + i] = 1 }
            }
            return place.matmul(part)
        }.reduce(Tensor.zeros([12, 5])) { $0 + $1 }
        let plain = loss(embeddings)
        #expect(abs(cached.loss - plain.item) < 1e-6)
        try expectEqual(net, cached.gradients, plain.gradients())
        #expect(stream.state == other.state)
    }
}
