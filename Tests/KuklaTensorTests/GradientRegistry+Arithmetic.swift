import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Two tensors whose shapes broadcast: axes of either are 1 at random.
    private static func pair(_ random: inout RandomSource) -> [Tensor] {
        let shape = random.shape(rank: Int.random(in: 0...4, using: &random), most: 4)
        let a = shape.map { Bool.random(using: &random) ? $0 : 1 }
        let b = Array(
            zip(shape, a).map { $0.1 == 1 || Bool.random(using: &random) ? $0.0 : 1 }
                .dropFirst(Int.random(in: 0...shape.count, using: &random)))
        return [Tensor.normal(a, using: &random), Tensor.normal(b, using: &random)]
    }

    static let arithmetic: [GradientCase] = [
        GradientCase("add", inputs: pair) { $0[0] + $0[1] },
        GradientCase("subtract", inputs: pair) { $0[0] - $0[1] },
        GradientCase("multiply", inputs: pair) { $0[0] * $0[1] },
        GradientCase("divide", inputs: pair) { $0[0] / ($0[1] * $0[1] + 1) },
        GradientCase("numbers", inputs: pair) { (2 - $0[0] * 3 + 1) / 4 + $0[1] },
        GradientCase("broadcast") { random in
            [Tensor.normal([random.shape(rank: 1)[0], 1], using: &random)]
        } function: {
            $0[0].broadcast(to: [3, $0[0].shape[0], 4])
        },
        GradientCase("sum") { random in
            [Tensor.normal(random.shape(rank: 3), using: &random)]
        } function: {
            $0[0].sum(axes: [0, -1]) * $0[0].mean()
        },
        GradientCase("rows") { random in
            [Tensor.normal([5] + random.shape(rank: 2), using: &random)]
        } function: {
            $0[0][rows: 1..<4].reshaped([3, -1])
        },
        GradientCase("straightThrough") { random in
            [Tensor.normal([3], using: &random)]
        } function: {
            ($0[0] * 2).straightThrough(to: $0[0] * 2)
        },
        GradientCase("paddedRows") { random in
            // The gradient of a range of rows, recorded: through the gradient of x^3.
            [Tensor.normal([4, 2], using: &random)]
        } function: { inputs in
            let x = inputs[0].node == nil ? inputs[0].watched() : inputs[0]
            let y = x[rows: 1..<3]
            return KuklaTensor.gradients(of: (y * y * y).sum(), withRespectTo: [x], isDifferentiable: true)[0]
        },
    ]

    static let products: [GradientCase] = [false, true].flatMap { a in
        [false, true].flatMap { b in
            [
                GradientCase("matmul \(a) \(b)") { random in
                    let (m, n, k) = (
                        random.shape(rank: 3)[0], random.shape(rank: 1)[0], random.shape(rank: 1)[0]
                    )
                    return [
                        Tensor.normal(a ? [k, m] : [m, k], using: &random),
                        Tensor.normal(b ? [n, k] : [k, n], using: &random),
                    ]
                } function: {
                    $0[0].matmul($0[1], transposingSelf: a, transposingOther: b)
                },
                GradientCase("batched matmul \(a) \(b)") { random in
                    [
                        Tensor.normal([2, 3] + (a ? [5, 4] : [4, 5]), using: &random),
                        Tensor.normal([2, 3] + (b ? [6, 5] : [5, 6]), using: &random),
                    ]
                } function: {
                    $0[0].matmul($0[1], transposingSelf: a, transposingOther: b)
                },
                GradientCase("shared matmul \(a) \(b)") { random in
                    [
                        Tensor.normal([2, 3] + (a ? [5, 4] : [4, 5]), using: &random),
                        Tensor.normal(b ? [6, 5] : [5, 6], using: &random),
                    ]
                } function: {
                    $0[0].matmul($0[1], transposingSelf: a, transposingOther: b)
                },
            ]
        }
    }
}
