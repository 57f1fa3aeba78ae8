import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaWeights
import Testing

@Suite struct MergeMethodTests {
    private func weights(_ values: [Float]) -> ModelWeights { ModelWeights([("w", Tensor(values))]) }

    @Test func `TIES trims, elects and takes the mean of what agrees`() {
        let base: [Float] = [1, 1, 1, 1, 1]
        let changes: [[Float]] = [[5, -4, 0.1, 2, 0], [3, 6, 0.2, -2, 0]]
        let vectors = TaskVectors(
            base: weights(base), tuned: changes.map { weights(zip(base, $0).map { $0 + $1 }) })
        // Three fifths of each are kept: 5, -4, 2 and 3, 6, -2.
        let merged = elements(TIES(keep: 0.6)(vectors, weights: [1, 1]))
        #expect(merged == [5, 7, 1, 1, 1])
        // The first counts more now, where they disagree and where they agree.
        let weighted = elements(TIES(keep: 0.6, lambda: 2)(vectors, weights: [3, 1]))
        #expect(weighted == [10, -7, 1, 5, 1])
    }

    @Test func `TIES of one model that keeps all is that model, and half keeps half`() {
        let (_, vectors) = taskVectors(1)
        #expect(bits(TIES(keep: 1)(vectors, weights: [1])) == bits(vectors.tuned[0]))
        let half = TIES(keep: 0.5)(vectors, weights: [1])
        let changes = zip(elements(vectors.tuned[0]), elements(vectors.base)).map { abs($0 - $1) }
        let changed = zip(elements(half), elements(vectors.base)).map { $0 != $1 }
        #expect(changed.count(where: { $0 }) == (changes.count + 1) / 2)
        let least = zip(changes, changed).filter(\.1).map(\.0).min() ?? 0
        #expect(zip(changes, changed).allSatisfy { $0.1 || $0.0 <= least })
    }

    @Test func `Fisher weighs each parameter by its squared gradient, and keeps what is alike`() throws {
        let (net, vectors) = taskVectors(2)
        func merged(_ models: [ModelWeights]) -> ModelWeights {
            var merge = FisherMerge(models, weights: [1, 1])
            for model in models {
                ModelWeights.assign([(1, model)], to: net)
                merge.add(net, weight: 1, batches: 1) { _ in net.loss().gradients() }
            }
            return merge.merged()
        }
        let same = merged([vectors.tuned[0], vectors.tuned[0]])
        #expect(zip(elements(same), elements(vectors.tuned[0])).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) })
        let squares = vectors.tuned.map { model in
            ModelWeights.assign([(1, model)], to: net)
            let gradients = net.loss().gradients()
            return net.parameters.flatMap { gradients[$0.parameter]!.dense.elements.map { $0 * $0 } }
        }
        let (a, b) = (elements(vectors.tuned[0]), elements(vectors.tuned[1]))
        for (i, found) in elements(merged(vectors.tuned)).enumerated() {
            let sum = squares[0][i] + squares[1][i]
            let expected =
                sum > 1e-30 ? (squares[0][i] * a[i] + squares[1][i] * b[i]) / sum : (a[i] + b[i]) / 2
            #expect(abs(found - expected) < 1e-4 * max(1, abs(expected)), "element \(i)")
        }
    }

    @Test func `RegMean answers each model's inputs as it did where it can, and keeps models that are alike`()
        throws
    {
        let (net, vectors) = taskVectors(2)
        // Each model sees other directions of the layer's inputs, so that one layer can answer both exactly.
        let rows: [[[Float]]] = [
            [[1, 0, 2, 0, 0, 0], [0, 1, 0, 0, 0, 0], [3, 1, 1, 0, 0, 0]],
            [[0, 0, 0, 1, 0, 2], [0, 0, 0, 0, 1, 0], [0, 0, 0, 2, 1, 1]],
        ]
        func inputs(_ model: Int) -> Tensor { Tensor(shape: [3, 6], elements: rows[model].flatMap { $0 }) }
        func merged(_ models: [ModelWeights], shrinkage: Double) throws -> ModelWeights {
            var merge = RegMean(models, weights: [1, 2], shrinkage: shrinkage)
            for i in models.indices {
                try merge.add(i, in: net, weight: Double(i + 1)) { _ = net.layer(inputs(i)) }
            }
            #expect(net.adaptedLayers.isEmpty && net.trainableParameters.count == net.parameters.count)
            return try merge.merged()
        }
        #expect(try bits(merged([vectors.base, vectors.base], shrinkage: 0.9)) == bits(vectors.base))
        let found = try merged(vectors.tuned, shrinkage: 1)
        for i in 0..<2 {
            ModelWeights.assign([(1, vectors.tuned[i])], to: net)
            let bias = try #require(net.layer.bias).tensor
            let wanted = net.layer(inputs(i)) - bias
            ModelWeights.assign([(1, found)], to: net)
            let merged = net.layer(inputs(i)) - (try #require(net.layer.bias).tensor)
            for (a, b) in zip(merged.elements, wanted.elements) { #expect(abs(a - b) < 1e-3, "model \(i)") }
        }
        // What is no linear layer's weight is the mean.
        let place = try #require(found.paths.firstIndex(of: "table.weight"))
        let parts = vectors.tuned.map { $0.tensors[place].elements }
        for (i, value) in found.tensors[place].elements.enumerated() {
            #expect(abs(value - (parts[0][i] + 2 * parts[1][i]) / 3) < 1e-6)
        }
    }

    @Test func `self positioning finds the place that a loss was made for`() throws {
        let (net, vectors) = taskVectors(3, seed: 9)
        let goal = MergePosition(weights: [0.4, 1, 2.2], lambda: 0.7)
        let target = ModelWeights.sum(vectors.terms(vectors.coefficients(at: goal)))
        var search = SelfPositioning()
        search.penalty = 0
        search.steps = 300
        search.learningRate = 0.05
        let found = try search(vectors, model: net) { _ in
            let terms = zip(net.parameters, target.tensors).map { named, wanted in
                let difference = named.parameter.tensor - wanted
                return (difference * difference).sum()
            }
            let loss = terms.dropFirst().reduce(terms[0]) { $0 + $1 }
            return (Double(loss.item), loss.gradients())
        }
        let (wanted, reached) = (vectors.coefficients(at: goal), vectors.coefficients(at: found.position))
        for (wanted, reached) in zip(wanted, reached) { #expect(abs(wanted - reached) < 0.01) }
        #expect(found.curve.count == 300 && found.curve[299].loss < 0.01 * found.curve[0].loss)
        #expect(bits(ModelWeights(of: net)) == bits(.sum(vectors.terms(reached))))
    }

    @Test func `a penalty shortens the way, and a loss that is no number is told`() throws {
        let (net, vectors) = taskVectors(2)
        var search = SelfPositioning()
        search.penalty = 1
        search.steps = 20
        let found = try search(vectors, model: net) { _ in (1, Gradients()) }
        #expect(found.position.lambda < 0.8 && abs(found.position.weights[0] - 1) < 1e-6)
        #expect(throws: KuklaError.self) {
            try search(vectors, model: net) { _ in (.nan, Gradients()) }
        }
    }
}
