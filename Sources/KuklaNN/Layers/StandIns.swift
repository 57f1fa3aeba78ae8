import Foundation
import KuklaNumerics
import KuklaTensor

// What the tensor room will have soon, under its names, made plainly. Goes when that lands.

public enum Activation: String, Sendable, Codable, CaseIterable {
    case none, gelu, geluTanh, relu, silu, tanh
}

extension Tensor {
    private func elementwise(
        _ name: StaticString, _ value: @Sendable (Float) -> Float,
        _ slope: @escaping @Sendable (Float) -> Float
    ) -> Tensor {
        let x = self.detached
        return x.map(value).recorded(
            name,
            (
                self,
                { g in
                    Tape.requireFirstOrder(name)
                    return g * x.map(slope)
                }
            ))
    }

    func activated(_ activation: Activation) -> Tensor {
        switch activation {
        case .none: self
        case .relu: elementwise("relu", { max($0, 0) }, { $0 > 0 ? 1 : 0 })
        case .tanh:
            elementwise("tanh", { Foundation.tanh($0) }, { 1 - Foundation.tanh($0) * Foundation.tanh($0) })
        case .silu:
            elementwise(
                "silu", { $0 / (1 + exp(-$0)) },
                {
                    let s = 1 / (1 + exp(-$0)); return s * (1 + $0 * (1 - s))
                })
        case .gelu, .geluTanh:
            elementwise(
                "gelu", { $0 * (1 + erf($0 / 2.0.squareRoot().f)) / 2 },
                {
                    (1 + erf($0 / 2.0.squareRoot().f)) / 2 + $0 * exp(-$0 * $0 / 2) / (2 * .pi).squareRoot()
                })
        }
    }

    func linear(_ weight: Tensor, _ bias: Tensor?, activation: Activation = .none) -> Tensor {
        let y = reshaped([-1, weight.shape[1]]).matmul(weight, transposingOther: true)
        return (bias.map { y + $0 } ?? y).reshaped(shape.dropLast() + [weight.shape[0]]).activated(activation)
    }

    func gathered(rows: [Int32]) -> Tensor {
        let width = shape.dropFirst().reduce(1, *)
        let table = self
        return Tensor(shape: [rows.count] + shape.dropFirst()) { out in
            for (i, row) in rows.enumerated() {
                (out.baseAddress! + i * width).update(from: table.pointer + Int(row) * width, count: width)
            }
        }.recorded("gatherRows", from: [table]) { g, accumulator in
            accumulator.add(rows: RowGradient(rowCount: table.shape[0], summing: g, at: rows), to: table)
        }
    }

    func dropout(_ rate: Float, using random: inout RandomSource) -> Tensor {
        let scale = 1 / (1 - rate)
        var source = random
        let mask = Tensor(shape: shape) {
            for i in $0.indices { $0[i] = source.uniform() < rate ? 0 : scale }
        }
        random = source
        return self * mask
    }

    func layerNorm(_ gamma: Tensor, _ beta: Tensor, epsilon: Float) -> Tensor {
        let centred = self - mean(axes: [-1], keepingAxes: true)
        let variance = (centred * centred).mean(axes: [-1], keepingAxes: true)
        return centred * (variance + epsilon).inverseRoot() * gamma + beta
    }

    func rmsNorm(_ gamma: Tensor, epsilon: Float) -> Tensor {
        self * ((self * self).mean(axes: [-1], keepingAxes: true) + epsilon).inverseRoot() * gamma
    }

    private func inverseRoot() -> Tensor {
        elementwise("inverseRoot", { 1 / $0.squareRoot() }, { -0.5 / ($0 * $0.squareRoot()) })
    }
}
extension Double { fileprivate var f: Float { Float(self) } }
