import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct LateInteractionTests {
    static let queryLengths = SequenceLengths([3, 1, 0, 4])
    static let documentLengths = SequenceLengths([2, 5, 1, 3, 6])

    static let inputs: @Sendable (inout RandomSource) -> [Tensor] = { random in
        [
            Tensor.normal([queryLengths.total, 6], using: &random),
            Tensor.normal([documentLengths.total, 6], using: &random),
        ]
    }

    /// A small step: where it crosses to another nearest vector the function has a kink.
    static let cases: [GradientCase] = [
        GradientCase("maximumSimilarity", step: 1e-3, inputs: inputs) {
            Tensor.maximumSimilarity($0[0], queryLengths, $0[1], documentLengths)
        },
        GradientCase("late interaction", step: 1e-3, inputs: inputs) {
            LateInteractionLoss(temperature: 2)(
                queries: $0[0].normalized(), queryLengths, documents: $0[1].normalized(), documentLengths)
        },
    ]

    @Test(arguments: cases)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `scores are what the definition says`() {
        var random = RandomSource(seed: 9)
        let inputs = Self.inputs(&random)
        let (queries, documents) = (inputs[0].matrix, inputs[1].matrix)
        let found = Tensor.maximumSimilarity(
            inputs[0], Self.queryLengths, inputs[1], Self.documentLengths)
        for query in 0..<4 {
            for document in 0..<5 {
                let expected = Self.queryLengths[query].reduce(Float(0)) { sum, q in
                    sum
                        + Self.documentLengths[document].map { x in
                            zip(queries.row(q), documents.row(x)).reduce(0) { $0 + $1.0 * $1.1 }
                        }.max()!
                }
                #expect(abs(found.matrix[query, document] - expected) < 1e-5)
            }
        }
    }

    @Test func `a head begins as centred principal components, whatever the states lean to`() throws {
        var random = RandomSource(seed: 2)
        let states = Matrix(rows: 4000, columns: 10) { out in
            for i in out.indices { out[i] = 5 + Float(i % 10 + 1) * random.normal() }
        }
        let head = try LateInteractionHead(4, of: states)
        #expect(head.dimensions == 4)
        for output in 0..<4 {
            let values = (0..<4000).map { row in
                zip(head.weight.row(output), states.row(row)).reduce(head.bias[output]) {
                    $0 + $1.0 * $1.1
                }
            }
            let mean = values.reduce(0, +) / 4000
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
            let expected = Float((10 - output) * (10 - output))
            #expect(abs(mean) < 1e-2 && abs(variance / expected - 1) < 0.1, "\(mean), \(variance)")
        }
        #expect(throws: KuklaError.self) { try LateInteractionHead(11, of: states) }
    }

    /// Noise varies most, so the head begins with it and must learn which components tell.
    @Test func `training finds the components that tell`() throws {
        var random = RandomSource(seed: 5)
        let (pairs, width) = (60, 12)
        let telling = (0..<pairs).map { _ in (0..<4).map { _ in random.normal() } }
        let sets = (0..<2 * pairs).map { set in
            Matrix(rows: 4, columns: width) { out in
                for i in out.indices {
                    let component = i % width
                    out[i] =
                        component < 4
                        ? telling[set / 2][component] + 0.3 * random.normal() : 1.2 * random.normal()
                }
            }
        }
        let states = VectorSets(sets, dimensions: width)
        let head = try LateInteractionHead(4, of: states.vectors)
        let task = LateInteractionTask(
            model: head, states: states, rows: (0..<pairs).map { [Int32(2 * $0), Int32(2 * $0 + 1)] },
            loss: LateInteractionLoss(temperature: 0.5))
        var random2 = RandomSource(seed: 1)
        let batch = task.makeBatch(Array(0..<pairs), random: &random2)
        var optimizer = Optimizer(Adam(), for: head)
        var losses: [Float] = []
        for _ in 0..<60 {
            let step = task.step(on: batch, mode: .inference)
            losses.append(step.losses[0].value)
            optimizer.update(step.gradients, learningRate: 0.03)
        }
        #expect(losses[59] < 0.6 * losses[0], "\(losses[0]) -> \(losses[59])")
        let weight = head.weight
        let told = (0..<4).reduce(Float(0)) { sum, row in
            sum + weight.row(row).prefix(4).reduce(0) { $0 + $1 * $1 }
        }
        #expect(told > 0.6 * weight.elements.reduce(0) { $0 + $1 * $1 })
    }
}
