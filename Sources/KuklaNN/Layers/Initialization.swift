public import KuklaNumerics
public import KuklaTensor

// How weights begin. The fans of a weight `[outputs, inputs, taps...]` are `inputs * taps` (in) and `outputs * taps` (out).

extension Tensor {
    /// Uniform within `1 / sqrt(fan-in)`: PyTorch's default for weights of linear and convolution layers.
    public static func uniformFanIn(_ shape: [Int], using random: inout RandomSource) -> Tensor {
        uniform(shape, fanIn: fans(shape).in, using: &random)
    }

    /// Uniform within `1 / sqrt(fanIn)`: PyTorch's default for biases, whose layer has that fan-in.
    public static func uniform(_ shape: [Int], fanIn: Int, using random: inout RandomSource) -> Tensor {
        let bound = 1 / Float(Swift.max(1, fanIn)).squareRoot()
        return uniform(shape, in: -bound...bound, using: &random)
    }

    /// Normal with deviation `gain / sqrt(fan)`: keeps the variance of activations on the way forward (fan-in) or of gradients
    /// on the way back (`byFanOut`). The gain is that of the function behind the layer, sqrt(2) for ReLU.
    ///
    /// *Source:* He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", arXiv:1502.01852.
    public static func kaimingNormal(
        _ shape: [Int], gain: Float = Float(2).squareRoot(), byFanOut: Bool = false,
        using random: inout RandomSource
    ) -> Tensor {
        let fans = fans(shape)
        let fan = byFanOut ? fans.out : fans.in
        return normal(shape, deviation: gain / Float(Swift.max(1, fan)).squareRoot(), using: &random)
    }

    /// Uniform with the deviation of `kaimingNormal`.
    public static func kaimingUniform(
        _ shape: [Int], gain: Float = Float(2).squareRoot(), byFanOut: Bool = false,
        using random: inout RandomSource
    ) -> Tensor {
        let fans = fans(shape)
        let fan = byFanOut ? fans.out : fans.in
        let bound = gain * (3 / Float(Swift.max(1, fan))).squareRoot()
        return uniform(shape, in: -bound...bound, using: &random)
    }

    /// Normal with deviation `gain * sqrt(2 / (fan-in + fan-out))`.
    ///
    /// *Source:* Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    public static func xavierNormal(
        _ shape: [Int], gain: Float = 1, using random: inout RandomSource
    ) -> Tensor {
        let fans = fans(shape)
        return normal(
            shape, deviation: gain * (2 / Float(Swift.max(1, fans.in + fans.out))).squareRoot(),
            using: &random)
    }

    /// Uniform with the deviation of `xavierNormal`.
    public static func xavierUniform(
        _ shape: [Int], gain: Float = 1, using random: inout RandomSource
    ) -> Tensor {
        let fans = fans(shape)
        let bound = gain * (6 / Float(Swift.max(1, fans.in + fans.out))).squareRoot()
        return uniform(shape, in: -bound...bound, using: &random)
    }

    /// Normal numbers, those further than `limit` deviations from the mean drawn again.
    public static func truncatedNormal(
        _ shape: [Int], mean: Float = 0, deviation: Float = 1, limit: Float = 2,
        using random: inout RandomSource
    ) -> Tensor {
        contract(limit > 0, "truncatedNormal: limit \(limit)")
        return Tensor(shape: shape) { out in
            for i in out.indices {
                var number = random.normal()
                while Swift.abs(number) > limit { number = random.normal() }
                out[i] = mean + deviation * number
            }
        }
    }

    private static func fans(_ shape: [Int]) -> (in: Int, out: Int) {
        contract(shape.count >= 2, "initialization: shape \(shape) has no inputs and outputs")
        let taps = shape.dropFirst(2).reduce(1, *)
        return (shape[1] * taps, shape[0] * taps)
    }
}
