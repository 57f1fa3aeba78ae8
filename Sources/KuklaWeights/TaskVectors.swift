import Foundation
public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// What several trainings changed in one model: tuned weights minus those of the base, all parameters as one long vector.
///
/// The differences are never stored: products take them as they go, and sums are sums of whole models, so that one task vector
/// of length 1 gives the tuned model bit for bit.
/// *Source:* Ilharco et al. 2023, "Editing models with task arithmetic", arXiv:2212.04089.
public struct TaskVectors: Sendable {
    public let base: ModelWeights
    public let tuned: [ModelWeights]
    /// Inner products of the vectors with each other, `[count][count]`.
    public let products: [[Double]]

    /// - Precondition: at least one tuned model; the same paths and shapes everywhere.
    /// - Complexity: O(count^2 * elements).
    public init(base: ModelWeights, tuned: [ModelWeights]) {
        contract(!tuned.isEmpty, "TaskVectors: no tuned model")
        contract(
            tuned.allSatisfy {
                $0.paths == base.paths && $0.tensors.map(\.shape) == base.tensors.map(\.shape)
            }, "TaskVectors: models of different shapes")
        self.base = base
        self.tuned = tuned
        var products = [[Double]](
            repeating: [Double](repeating: 0, count: tuned.count), count: tuned.count)
        for i in tuned.indices {
            for j in 0...i {
                products[i][j] = Self.product(tuned[i], tuned[j], from: base)
                products[j][i] = products[i][j]
            }
        }
        self.products = products
    }

    /// The number of vectors.
    public var count: Int { tuned.count }

    /// The Euclidean length of each.
    public var norms: [Double] { tuned.indices.map { products[$0][$0].squareRoot() } }

    /// The angle between two of them in radians, 0 to pi; not a number where one is zero.
    public func angle(_ first: Int, _ second: Int) -> Double {
        let cosine =
            products[first][second] / (products[first][first] * products[second][second]).squareRoot()
        return cosine.isNaN ? .nan : acos(min(1, max(-1, cosine)))
    }

    /// The base plus `coefficients` times the vectors, as a sum of models.
    public func terms(_ coefficients: [Double]) -> [ModelWeights.Term] {
        contract(coefficients.count == count, "TaskVectors: \(coefficients.count) coefficients for \(count)")
        return [(1 - coefficients.reduce(0, +), base)] + zip(coefficients, tuned).map { ($0, $1) }
    }

    /// Inner products of a loss's gradient with each vector; rows without gradient cost nothing.
    ///
    /// - Precondition: `model` has these paths and shapes.
    public func products(with gradients: Gradients, of model: some Module) -> [Double] {
        let parameters = model.parameters.filter { !$0.parameter.isBuffer }
        contract(parameters.map(\.path) == base.paths, "TaskVectors: the gradients are of another model")
        var found = [Double](repeating: 0, count: count)
        for (i, named) in parameters.enumerated() {
            guard let gradient = gradients[named.parameter] else { continue }
            for (vector, weights) in tuned.enumerated() {
                found[vector] += Self.product(gradient, weights.tensors[i], from: base.tensors[i])
            }
        }
        return found
    }

    private static func product(_ a: ModelWeights, _ b: ModelWeights, from base: ModelWeights) -> Double {
        zip(zip(a.tensors, b.tensors), base.tensors).reduce(0) { sum, tensors in
            let ((a, b), base) = tensors
            return sum
                + blockSum(base.count) { block in
                    let (a, b, base) = (a.pointer, b.pointer, base.pointer)
                    var sum = 0.0
                    for i in block { sum += Double(a[i] - base[i]) * Double(b[i] - base[i]) }
                    return sum
                }
        }
    }

    private static func product(_ gradient: Gradient, _ tuned: Tensor, from base: Tensor) -> Double {
        let values = gradient.values
        guard case .rows(let rows) = gradient else {
            return blockSum(values.count) { block in
                let (g, tuned, base) = (values.pointer, tuned.pointer, base.pointer)
                var sum = 0.0
                for i in block { sum += Double(g[i]) * Double(tuned[i] - base[i]) }
                return sum
            }
        }
        let width = rows.rowShape.reduce(1, *)
        var sum = 0.0
        for (place, row) in rows.indices.enumerated() {
            let (g, tuned, base) = (
                values.pointer + place * width, tuned.pointer + Int(row) * width,
                base.pointer + Int(row) * width
            )
            for i in 0..<width { sum += Double(g[i]) * Double(tuned[i] - base[i]) }
        }
        return sum
    }
}
