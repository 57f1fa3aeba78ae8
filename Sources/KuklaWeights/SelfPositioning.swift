import Foundation
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// A place among merged models: what the directions weigh, and how far along them it lies.
public struct MergePosition: Sendable, Equatable {
    /// `a_i`, one a task vector, all above 0; only their ratios count.
    public var weights: [Double]
    /// What the vector of `IteratedSLERP` is multiplied by.
    public var lambda: Double

    public init(weights: [Double], lambda: Double = 1) {
        self.weights = weights
        self.lambda = lambda
    }
}

/// Where to merge, learned from few examples: SGD over the weights of the directions and the length, nothing else.
///
/// Minimises `loss(base + lambda V(a)) + mu lambda`, V being `IteratedSLERP`. A step is one pass of the network forward and back;
/// the gradient with respect to `a` and lambda is inner products of that of the parameters with the task vectors.
/// *Source:* Li et al. 2024, "Improving general text embedding model: tackling task conflict and data imbalance through model
/// merging", arXiv:2410.15035, section 4.
/// *Differs from the paper in:* Adam in place of SGD, with a rate that falls to 0, for tens of steps in place of a thousand.
public struct SelfPositioning: Sendable {
    /// `mu`: what a length of 1 costs.
    public var penalty = 0.01
    public var steps = 30
    /// The largest change of a weight's logarithm, about, or of lambda, in a step.
    public var learningRate: Float = 0.1

    public init() {}

    /// What a search found, and its way.
    public struct Found: Sendable {
        public var position: MergePosition
        /// The place before each step and the loss there, penalty left out.
        public var curve: [(position: MergePosition, loss: Double)]
    }

    /// Searches from equal weights and lambda 1. `model` has the weights of the place that was found afterwards.
    ///
    /// - Parameter loss: the loss and the gradient of the model as it is, of the examples of a step.
    /// - Throws: what `loss` throws; `badData` where a loss is not a number.
    public func callAsFunction(
        _ vectors: TaskVectors, model: some Module, progress: any ProgressReporter = SilentProgress(),
        loss: (_ step: Int) throws(KuklaError) -> (value: Double, gradients: Gradients)
    ) throws(KuklaError) -> Found {
        let place = Place(count: vectors.count)
        var optimizer = Optimizer(Adam(beta2: 0.99), for: place)
        let schedule = Schedule.linear(rate: learningRate, total: steps)
        var curve: [(position: MergePosition, loss: Double)] = []
        progress.begin("Positioning", total: steps, unit: "steps")
        defer { progress.end() }
        for step in 0..<steps {
            let position = place.position
            vectors.assign(position, to: model)
            let (value, gradients) = try loss(step)
            guard value.isFinite else {
                throw KuklaError(
                    .badData,
                    "Cannot position the merge: at step \(step) the loss of the probe is \(value). Are all models of one base?"
                )
            }
            curve.append((position, value))
            progress.show("loss \(String(format: "%.4f", value))")
            var slopes = vectors.slopes(gradients, of: model, at: position)
            slopes.lambda += penalty
            optimizer.update(place.gradients(slopes), learningRate: schedule.rate(at: step))
            progress.advance(by: 1)
        }
        vectors.assign(place.position, to: model)
        return Found(position: place.position, curve: curve)
    }

    /// The scalars that are trained: weights seen through softplus, which keeps them above 0, and lambda.
    private struct Place: Module {
        let scalars: Parameter

        init(count: Int) {
            // softplus of this is 1.
            scalars = Parameter(Tensor([Float](repeating: Float(log(exp(1.0) - 1)), count: count) + [1]))
        }

        func visit(_ visitor: inout ModuleVisitor) { visitor.visit("scalars", scalars) }

        var position: MergePosition {
            let values = scalars.value.elements.map(Double.init)
            return MergePosition(
                weights: values.dropLast().map { $0 > 30 ? $0 : max(log1p(exp($0)), 1e-12) },
                lambda: values[values.count - 1])
        }

        /// The chain rule of softplus.
        func gradients(_ slopes: MergePosition) -> Gradients {
            let values = scalars.value.elements.map(Double.init)
            var gradients = Gradients()
            let inner = zip(values, slopes.weights).map { Float($1 / (1 + exp(-$0))) }
            gradients[scalars] = .dense(Tensor(inner + [Float(slopes.lambda)]))
            return gradients
        }
    }
}

extension TaskVectors {
    /// What the vectors are multiplied by at a place.
    public func coefficients(at position: MergePosition) -> [Double] {
        IteratedSLERP(products: products)(position.weights).coefficients.map { $0 * position.lambda }
    }

    /// Gives `model` the weights at a place.
    public func assign(_ position: MergePosition, to model: some Module) {
        ModelWeights.assign(terms(coefficients(at: position)), to: model)
    }

    /// How a loss changes with each weight and with lambda, from its gradient with respect to the model's parameters there.
    public func slopes(
        _ gradients: Gradients, of model: some Module, at position: MergePosition
    ) -> MergePosition {
        let along = products(with: gradients, of: model)
        let point = IteratedSLERP(products: products)(position.weights)
        return MergePosition(
            weights: position.weights.indices.map { j in
                position.lambda * zip(along, point.slopes).reduce(0) { $0 + $1.0 * $1.1[j] }
            },
            lambda: zip(along, point.coefficients).reduce(0) { $0 + $1.0 * $1.1 })
    }
}
