import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaWeights
import Testing

/// A table, of which a batch reads some rows, and a layer.
struct Net: Module {
    let table: Embedding
    let layer: Linear

    init(seed: UInt64) {
        var random = RandomSource(seed: seed)
        table = Embedding(weight: Tensor.normal([20, 6], using: &random))
        layer = Linear(6, 5, using: &random)
    }

    /// The net with normal numbers added to each parameter.
    func changed(seed: UInt64, by deviation: Float) -> Net {
        let other = Net(seed: seed)
        var random = RandomSource(seed: seed)
        for (mine, theirs) in zip(parameters, other.parameters) {
            theirs.parameter.value =
                mine.parameter.value + Tensor.normal(mine.parameter.shape, using: &random) * deviation
        }
        return other
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("table", table)
        visitor.visit("layer", layer)
    }

    /// In-batch negatives of rows that neighbour each other.
    func loss() -> Tensor {
        func embed(_ rows: [Int32]) -> Tensor { layer(table(rows), activation: .tanh) }
        return MultipleNegativesRankingLoss(temperature: 0.5)([
            embed([1, 3, 5, 7, 9]), embed([2, 4, 6, 8, 1]),
        ])
    }
}

func elements(_ weights: ModelWeights) -> [Float] { weights.tensors.flatMap(\.elements) }

func bits(_ weights: ModelWeights) -> [UInt32] { elements(weights).map(\.bitPattern) }

/// A base and changes of it.
func taskVectors(_ count: Int, seed: UInt64 = 1) -> (net: Net, vectors: TaskVectors) {
    let base = Net(seed: seed)
    let vectors = TaskVectors(
        base: ModelWeights(of: base),
        tuned: (0..<count).map {
            ModelWeights(of: base.changed(seed: seed + 10 + UInt64($0), by: 0.1 * Float($0 + 1)))
        })
    return (base, vectors)
}

@Suite struct TaskVectorTests {
    @Test func `one vector of length 1 is the tuned model bit for bit, of length 0 the base`() {
        let odd: [Float] = [-0.0, 0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 3e38, -1, 1e-8, 0.1]
        let other: [Float] = [1, -0.0, 1e38, 0.1, -3e38, 1e-30, -0.0, 0.3]
        for (a, b) in [(odd, other), (other, odd)] {
            let base = ModelWeights([("w", Tensor(a))])
            let vectors = TaskVectors(base: base, tuned: [ModelWeights([("w", Tensor(b))])])
            func merged(_ lambda: Double) -> ModelWeights {
                ModelWeights.sum(
                    vectors.terms(vectors.coefficients(at: MergePosition(weights: [0.7], lambda: lambda))))
            }
            #expect(bits(merged(1)) == bits(vectors.tuned[0]))
            #expect(bits(merged(0)) == bits(base))
        }
    }

    @Test func `a sum in a model's own memory is that of values`() {
        let (net, vectors) = taskVectors(3)
        let terms = vectors.terms([0.3, -0.2, 0.9])
        ModelWeights.assign(terms, to: net)
        #expect(bits(ModelWeights(of: net)) == bits(.sum(terms)))
        let expected = zip(
            elements(vectors.base),
            zip(elements(vectors.tuned[0]), zip(elements(vectors.tuned[1]), elements(vectors.tuned[2])))
        ).map { b, t in
            b + 0.3 * (t.0 - b) - 0.2 * (t.1.0 - b) + 0.9 * (t.1.1 - b)
        }
        #expect(zip(elements(.sum(terms)), expected).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func `products are those of one long vector, with gradients of rows and dense ones`() throws {
        let (net, vectors) = taskVectors(2)
        let base = elements(vectors.base).map(Double.init)
        let long = vectors.tuned.map { zip(elements($0), base).map { Double($0) - $1 } }
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        for i in 0..<2 {
            for j in 0..<2 {
                #expect(abs(vectors.products[i][j] - dot(long[i], long[j])) < 1e-6 * vectors.products[i][i])
            }
        }
        #expect(abs(vectors.angle(0, 1) - Double.pi / 2) < 0.3 && vectors.angle(0, 0) < 1e-6)
        let gradients = net.loss().gradients()
        let flat = net.parameters.flatMap {
            gradients[$0.parameter]?.dense.elements.map(Double.init) ?? []
        }
        #expect(flat.count == base.count)
        for (found, vector) in zip(vectors.products(with: gradients, of: net), long) {
            #expect(abs(found - dot(flat, vector)) < 1e-5 * dot(flat, flat).squareRoot())
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func `the slopes of a loss are those of finite differences`(_ count: Int) {
        let (net, vectors) = taskVectors(count, seed: 5)
        let position = MergePosition(weights: Array([0.6, 1.4, 0.9, 2].prefix(count)), lambda: 0.8)
        func loss(_ position: MergePosition) -> Double {
            vectors.assign(position, to: net)
            return Double(withoutGradient { net.loss() }.item)
        }
        vectors.assign(position, to: net)
        let slopes = vectors.slopes(net.loss().gradients(), of: net, at: position)
        let step = 0.02
        func difference(_ change: (inout MergePosition, Double) -> Void) -> Double {
            var (up, down) = (position, position)
            change(&up, step)
            change(&down, -step)
            return (loss(up) - loss(down)) / (2 * step)
        }
        let along = difference { $0.lambda += $1 }
        #expect(abs(slopes.lambda - along) <= 0.01 * abs(along))
        for i in 0..<count {
            let expected = difference { $0.weights[i] += $1 }
            #expect(
                abs(slopes.weights[i] - expected) <= 0.01 * abs(expected) + 1e-5, "weight \(i) of \(count)")
        }
    }
}
