import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension RandomSource {
    /// Numbers of either sign, at least 0.2 from zero.
    mutating func awayFromZero(_ shape: [Int]) -> Tensor {
        let signs = Tensor.normal(shape, using: &self).sign()
        return Tensor.uniform(shape, in: 0.2...2, using: &self) * signs
    }

    /// Numbers that lie at least 0.25 from one another, in random order.
    mutating func apart(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        let order = sample(count, below: count)
        return Tensor(shape: shape, elements: order.map { (Float($0) - Float(count) / 2) * 0.25 })
    }

    /// `count` row numbers below `length`, repeats among them.
    mutating func ids(_ count: Int, below length: Int) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: 0..<Int32(length), using: &self) }
    }
}

extension GradientRegistry {
    private static func unary(
        _ name: String, from low: Float, to high: Float, _ function: @escaping @Sendable (Tensor) -> Tensor
    ) -> GradientCase {
        GradientCase(name, step: 5e-3) { random in
            let rank = Int.random(in: 0...3, using: &random)
            return [Tensor.uniform(random.shape(rank: rank), in: low...high, using: &random)]
        } function: {
            function($0[0])
        }
    }

    private static func kinked(
        _ name: String, _ function: @escaping @Sendable (Tensor) -> Tensor
    ) -> GradientCase {
        GradientCase(name) { random in
            [random.awayFromZero(random.shape(rank: 2))]
        } function: {
            function($0[0])
        }
    }

    private static func pairApart(_ random: inout RandomSource) -> [Tensor] {
        let shape = random.shape(rank: 3, most: 3)
        let all = random.apart([2] + shape)
        let b = all[rows: 1..<2].reshaped(shape)
        return [all[rows: 0..<1].reshaped(shape), Bool.random(using: &random) ? b : b[rows: 0..<1]]
    }

    static let elementwise: [GradientCase] = [
        unary("exp", from: -2, to: 2) { $0.exp() },
        unary("expm1", from: -2, to: 2) { $0.expm1() },
        unary("log", from: 0.3, to: 3) { $0.log() },
        unary("log1p", from: -0.5, to: 3) { $0.log1p() },
        unary("square", from: -2, to: 2) { $0.square() },
        unary("sqrt", from: 0.3, to: 3) { $0.sqrt() },
        unary("rsqrt", from: 0.3, to: 3) { $0.rsqrt() },
        unary("reciprocal", from: 0.4, to: 3) { $0.reciprocal() },
        unary("power 3", from: -2, to: 2) { $0.power(3) },
        unary("power 2.5", from: 0.3, to: 2) { $0.power(2.5) },
        unary("power -1.5", from: 0.5, to: 2) { $0.power(-1.5) },
        unary("power 0", from: -2, to: 2) { $0.power(0) + $0 },
        unary("sin", from: -3, to: 3) { $0.sin() },
        unary("cos", from: -3, to: 3) { $0.cos() },
        unary("arccos", from: -0.8, to: 0.8) { $0.arccos() },
        unary("arctan", from: -3, to: 3) { $0.arctan() },
        kinked("abs") { $0.abs() },
        kinked("clamp low") { ($0 * 0.5).clamp(min: 0) },
        kinked("clamp") { ($0 + 1).clamp(min: 1) + ($0 - 1).clamp(max: -1) * $0 },
        GradientCase("maximum", inputs: pairApart) { Tensor.maximum($0[0], $0[1]) },
        GradientCase("minimum", inputs: pairApart) { Tensor.minimum($0[1], $0[0]) },
        GradientCase("select", inputs: pairApart) { inputs in
            let mask = Tensor(
                shape: inputs[0].shape, elements: (0..<inputs[0].count).map { $0 % 3 == 0 ? 1 : 0 })
            return Tensor.select(mask, inputs[0], inputs[1])
                + Tensor.select(mask, Tensor(2), inputs[1].square())
        },
        GradientCase("filled", inputs: pairApart) { inputs in
            inputs[0].filled(with: -3, where: inputs[1].isGreater(than: inputs[0])) * inputs[0]
        },
    ]
}
