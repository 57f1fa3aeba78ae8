import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Linear layers with Dice, or PReLU, between them: DIN's perceptrons.
struct AdaptiveMLP: Module {
    private let layers: [Linear]
    private let dice: [Dice]
    private let rectifiers: [ParametricReLU]

    init(_ widths: [Int], usesDice: Bool, using random: inout RandomSource) {
        layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, using: &random) }
        let inner = widths.dropFirst().dropLast()
        dice = usesDice ? inner.map { Dice($0) } : []
        rectifiers = usesDice ? [] : inner.map { ParametricReLU($0) }
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("layers", layers)
        visitor.visit("dice", dice)
        visitor.visit("prelu", rectifiers)
    }

    func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        var x = x
        for (i, layer) in layers.enumerated() {
            x = layer(x, mode: mode)
            guard i < layers.count - 1 else { break }
            x = dice.isEmpty ? rectifiers[i](x) : dice[i](x, mode: mode)
        }
        return x
    }
}
