import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Elements at least 0.1 away from 0, where relu has its kink.
    private static func awayFromZero(_ random: inout RandomSource) -> [Tensor] {
        let x = Tensor.normal(random.shape(rank: 2, most: 20), using: &random)
        return [Tensor(shape: x.shape, elements: x.elements.map { $0 + ($0 < 0 ? -0.1 : 0.1) })]
    }

    private static func matrix(_ random: inout RandomSource) -> [Tensor] {
        [Tensor.normal(random.shape(rank: 2, most: 20), using: &random)]
    }

    static let activations: [GradientCase] = Activation.allCases.flatMap { activation in
        [
            GradientCase("activation \(activation)", inputs: awayFromZero) { $0[0].activated(activation) },
            GradientCase("linear \(activation)") { random in
                let shape = random.shape(rank: 2)
                let (inputs, outputs) = (random.shape(rank: 1)[0], random.shape(rank: 1, most: 20)[0])
                // Inputs whose products with the weights lie away from relu's kink: everything positive but some rows.
                return [
                    Tensor.uniform(shape + [inputs], in: 0.5...1, using: &random),
                    Tensor.uniform([outputs, inputs], in: 0.5...1, using: &random),
                    Tensor.normal([outputs], deviation: 0.1, using: &random),
                ]
            } function: {
                $0[0].linear($0[1], $0[2], activation: activation)
            },
        ]
    }

    static let learning: [GradientCase] = [
        GradientCase("linear without bias") { random in
            let (m, n, k) = (random.shape(rank: 1)[0], random.shape(rank: 1)[0], random.shape(rank: 1)[0])
            return [Tensor.normal([m, k], using: &random), Tensor.normal([n, k], using: &random)]
        } function: {
            $0[0].linear($0[1])
        },
        GradientCase("softmax") { random in
            [Tensor.normal(random.shape(rank: 2) + [21], using: &random)]
        } function: {
            $0[0].softmax()
        },
        GradientCase("softmax of a middle axis") { random in
            [Tensor.normal(random.shape(rank: 3), using: &random)]
        } function: {
            $0[0].softmax(axis: 1)
        },
        GradientCase("logSoftmax") { random in
            [Tensor.normal(random.shape(rank: 2) + [21], using: &random)]
        } function: {
            $0[0].logSoftmax() + $0[0].logSoftmax(axis: 0)
        },
        GradientCase("logSumExp") { random in
            [Tensor.normal(random.shape(rank: 3), using: &random)]
        } function: {
            $0[0].logSumExp(axis: 0, keepingAxes: true) * $0[0].logSumExp().sum()
        },
        GradientCase("layerNorm") { random in
            let columns = 2 + random.shape(rank: 1, most: 20)[0]
            return [
                Tensor.normal(random.shape(rank: 2) + [columns], using: &random),
                Tensor.normal([columns], using: &random), Tensor.normal([columns], using: &random),
            ]
        } function: {
            $0[0].layerNorm($0[1], $0[2], epsilon: 0.1)
        },
        GradientCase("addLayerNorm") { random in
            let columns = 2 + random.shape(rank: 1, most: 20)[0]
            return [
                Tensor.normal([3, columns], using: &random), Tensor.normal([3, columns], using: &random),
                Tensor.normal([columns], using: &random), Tensor.normal([columns], using: &random),
            ]
        } function: {
            $0[0].addLayerNorm($0[1], $0[2], $0[3], epsilon: 0.1) + $0[0].addLayerNorm($0[1], epsilon: 0.1)
        },
        GradientCase("rmsNorm") { random in
            let columns = random.shape(rank: 1, most: 20)[0]
            return [
                Tensor.normal(random.shape(rank: 2) + [columns], using: &random),
                Tensor.normal([columns], using: &random),
            ]
        } function: {
            $0[0].rmsNorm($0[1], epsilon: 0.1)
        },
        GradientCase("crossEntropy", inputs: matrix) { inputs in
            let (rows, classes) = (inputs[0].shape[0], inputs[0].shape[1])
            let targets = (0..<rows).map { Int32($0 * 7 % classes) }
            let x = inputs[0]
            return x.crossEntropy(targets: targets, labelSmoothing: 0.1)
                + x.crossEntropy(targets: targets, ignoring: targets[0], reduction: .sum)
                + x.crossEntropy(targets: targets, reduction: .none)
        },
        GradientCase("crossEntropy of probabilities") { random in
            let shape = random.shape(rank: 2, most: 20)
            return [Tensor.normal(shape, using: &random), Tensor.uniform(shape, using: &random)]
        } function: {
            $0[0].crossEntropy(probabilities: $0[1])
                + $0[0].crossEntropy(probabilities: $0[1], reduction: .none)
        },
        GradientCase("gathered") { random in
            [Tensor.normal([5] + random.shape(rank: 2), using: &random)]
        } function: {
            $0[0].gathered(rows: [4, 0, 4, 4, 2])
        },
        GradientCase("embeddingBag") { random in
            [Tensor.normal([5] + random.shape(rank: 1, most: 20), using: &random)]
        } function: {
            $0[0].embeddingBag([4, 0, 4, 4, 2], offsets: [0, 2, 2, 5])
                - $0[0].embeddingBag([4, 0, 4, 4, 2], offsets: [0, 3, 3, 4], .mean)
        },
        GradientCase("dropout", inputs: matrix) {
            var random = RandomSource(seed: 1)
            return $0[0].dropout(0.3, using: &random)
        },
        GradientCase("gatedRecurrence") { random in
            let width = random.shape(rank: 1)[0]
            let shapes = [[6, 3 * width], [3 * width, width], [3 * width], [3, width]]
            return shapes.map { Tensor.normal($0, deviation: 0.7, using: &random) }
        } function: {
            $0[0].gatedRecurrence($0[1], $0[2], initial: $0[3], counts: [3, 2, 1])
                - $0[0].gatedRecurrence($0[1], counts: [2, 2, 2])
        },
        GradientCase("gradient of gathered", inputs: { [Tensor.normal([5, 3], using: &$0)] }) { inputs in
            twice(inputs[0]) { $0.gathered(rows: [4, 0, 4]) }
        },
    ]

    /// Operations that can be differentiated twice: the gradient of the sum of cubes, recorded.
    static let secondOrder: [GradientCase] =
        Activation.allCases.filter { $0 != .gelu }.flatMap { activation in
            [
                GradientCase("gradient of \(activation)", tolerance: 1e-2, inputs: awayFromZero) {
                    twice($0[0]) { $0.activated(activation) }
                },
                GradientCase("gradient of linear \(activation)", tolerance: 1e-2) { random in
                    [
                        Tensor.uniform([3, 4], in: 0.5...1, using: &random),
                        Tensor.uniform([5, 4], in: 0.5...1, using: &random),
                    ]
                } function: { inputs in
                    twice(inputs[0]) { $0.linear(inputs[1], activation: activation) }
                },
            ]
        } + [
            GradientCase("gradient of softmax", inputs: matrix) { twice($0[0]) { $0.softmax() } },
            GradientCase("gradient of logSoftmax", inputs: matrix) { twice($0[0]) { $0.logSoftmax() } },
            GradientCase("gradient of logSumExp", inputs: matrix) { twice($0[0]) { $0.logSumExp(axis: 0) } },
            GradientCase("gradient of dropout", inputs: matrix) {
                twice($0[0]) {
                    var random = RandomSource(seed: 1)
                    return $0.dropout(0.3, using: &random)
                }
            },
        ]

    // The gradient of sum(f(x)^3) with respect to x, itself recorded.
    private static func twice(_ input: Tensor, _ function: (Tensor) -> Tensor) -> Tensor {
        let x = input.node == nil ? input.watched() : input
        let y = function(x)
        return KuklaTensor.gradients(of: (y * y * y).sum(), withRespectTo: [x], isDifferentiable: true)[0]
    }
}
