public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// Models averaged parameter by parameter, each by how much its loss depends on it: the diagonal of the Fisher information.
///
/// A parameter is `sum w_i F_i theta_i / sum w_i F_i`, F being the mean square of the gradient over batches; where no loss depends on
/// it, the mean by the weights alone. The base takes no part.
/// *Source:* Matena and Raffel 2022, "Merging models with Fisher-weighted averaging", arXiv:2111.09832.
/// *Differs from the paper in:* gradients of batches in place of single examples, which contrastive losses do not have.
public struct FisherMerge: Sendable {
    private var numerators: [Tensor]
    private var denominators: [Tensor]
    private let plain: ModelWeights

    /// - Parameter weights: one a model, all above 0.
    public init(_ models: [ModelWeights], weights: [Double]) {
        let total = weights.reduce(0, +)
        plain = ModelWeights.sum(zip(models, weights).map { ($1 / total, $0) })
        numerators = plain.tensors.map { .zeros($0.shape) }
        denominators = numerators
    }

    /// Adds one of the models.
    ///
    /// - Parameters:
    ///   - model: has the weights of that model.
    ///   - gradients: of the batches, one after the other.
    public mutating func add(
        _ model: some Module, weight: Double, batches: Int, gradients: (_ batch: Int) -> Gradients
    ) {
        let parameters = model.parameters.filter { !$0.parameter.isBuffer }
        for batch in 0..<batches {
            let gradients = gradients(batch)
            for (i, named) in parameters.enumerated() {
                guard let gradient = gradients[named.parameter]?.dense else { continue }
                let value = named.parameter.value
                let factor = Float(weight / Double(batches))
                Self.forEach(&numerators[i], &denominators[i]) { element, numerator, denominator in
                    let square = factor * gradient.pointer[element] * gradient.pointer[element]
                    numerator += square * value.pointer[element]
                    denominator += square
                }
            }
        }
    }

    /// The average of the models that were added.
    public func merged() -> ModelWeights {
        ModelWeights(
            plain.paths.indices.map { i in
                var (values, sums) = (numerators[i], denominators[i])
                let plain = plain.tensors[i]
                Self.forEach(&values, &sums) { element, value, sum in
                    // Below, a quotient of rounding errors.
                    value = sum > 1e-30 ? value / sum : plain.pointer[element]
                }
                return (self.plain.paths[i], values)
            })
    }

    private static func forEach(
        _ first: inout Tensor, _ second: inout Tensor,
        _ body: @Sendable (_ element: Int, inout Float, inout Float) -> Void
    ) {
        first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
                nonisolated(unsafe) let (a, b) = (first, second)  // every block writes elements of its own
                tensorFor(first.count, grain: elementGrain) { block in
                    for i in block { body(i, &a[i], &b[i]) }
                }
            }
        }
    }
}
