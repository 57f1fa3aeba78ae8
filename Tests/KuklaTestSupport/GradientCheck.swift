public import KuklaNumerics
public import KuklaTensor

/// A differentiable function with inputs to check its gradient at: one line of the registry.
public struct GradientCase: Sendable, CustomStringConvertible {
    public let description: String
    let inputs: @Sendable (inout RandomSource) -> [Tensor]
    let function: @Sendable ([Tensor]) -> Tensor
    let tolerance: Float
    let step: Float

    /// `inputs` are drawn anew for each seed, shapes included, away from kinks. `tolerance` is relative to the size of the
    /// derivative.
    public init(
        _ name: String, tolerance: Float = 3e-3, step: Float = 1e-2,
        inputs: @escaping @Sendable (inout RandomSource) -> [Tensor],
        function: @escaping @Sendable ([Tensor]) -> Tensor
    ) {
        description = name
        self.inputs = inputs
        self.function = function
        self.tolerance = tolerance
        self.step = step
    }

    /// The gradient of this case's function as a function of its own: checking it checks gradients of gradients.
    public var secondOrder: GradientCase {
        let function = function
        return GradientCase(
            "gradient of \(description)", tolerance: 3 * tolerance, step: step, inputs: inputs
        ) { inputs in
            let watched = inputs.map { $0.node == nil ? $0.watched() : $0 }
            let output = function(watched)
            // Some nonlinear scalar, so that linear operations have a second derivative to check too.
            let weights = Tensor(
                shape: output.shape, elements: (0..<output.count).map { Float($0 % 5) * 0.3 - 0.5 })
            let penalty = (output * (output + 1) * weights).sum()
            return Tensor.concatenated(
                gradients(of: penalty, withRespectTo: watched, isDifferentiable: true).map {
                    $0.reshaped([-1])
                })
        }
    }

    /// What a check found.
    public struct Outcome: Sendable, CustomStringConvertible {
        public let analytic: Float
        public let numeric: Float
        public let scale: Float
        public let isClose: Bool
        public let shapes: [[Int]]
        /// Names of all operations that were recorded on the way.
        public let operations: Set<String>

        public var description: String {
            "gradient along a random direction \(analytic), central difference \(numeric), scale \(scale), inputs \(shapes)"
        }
    }

    /// The function at some inputs, and the gradients of its outputs' weighted sum there.
    public struct Evaluation: Sendable {
        public let inputs: [Tensor]
        public let output: Tensor
        public let weights: Tensor
        /// One for each input.
        public let gradients: [Tensor]
        /// Names of all operations that were recorded on the way.
        public let operations: Set<String>
    }

    /// Evaluates the function and its gradients at inputs and weights that `random` draws.
    public func evaluated(using random: inout RandomSource) -> Evaluation {
        let inputs = inputs(&random)
        let watched = inputs.map { $0.watched() }
        let output = function(watched)
        let weights = Tensor.normal(output.shape, using: &random)
        let operations = GradientCase.operations(of: output)
        let gradients = output.gradients(seed: weights)
        return Evaluation(
            inputs: inputs, output: output.detached, weights: weights,
            gradients: watched.map { gradients[$0]?.dense ?? .zeros($0.shape) }, operations: operations)
    }

    /// Compares the derivative along a random direction in the space of all inputs with central differences, extrapolated
    /// from two steps, of the function's value against a random weighting of its outputs, summed in double.
    public func check(seed: UInt64) -> Outcome {
        var random = RandomSource(seed: seed)
        let evaluation = evaluated(using: &random)
        let (inputs, weights) = (evaluation.inputs, evaluation.weights)
        let directions = inputs.map { Tensor.normal($0.shape, using: &random) }
        var analytic = 0.0
        var squares = 0.0
        for (gradient, direction) in zip(evaluation.gradients, directions) {
            for (g, d) in zip(gradient.elements, direction.elements) {
                analytic += Double(g) * Double(d)
                squares += Double(g) * Double(g)
            }
        }
        func along(_ step: Float) -> Double {
            func value(_ step: Float) -> Double {
                let moved = zip(inputs, directions).map { (input, direction) in input + direction * step }
                let result = function(moved)
                return zip(result.elements, weights.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            }
            return (value(step) - value(-step)) / (2 * Double(step))
        }
        // Richardson: the error of order step^2 cancels.
        let numeric = (4 * along(step / 2) - along(step)) / 3
        let scale = Float(max(squares.squareRoot(), abs(numeric), 1e-3))
        return Outcome(
            analytic: Float(analytic), numeric: Float(numeric), scale: scale,
            isClose: abs(Float(analytic - numeric)) <= tolerance * scale, shapes: inputs.map(\.shape),
            operations: evaluation.operations)
    }

    private static func operations(of output: Tensor) -> Set<String> {
        var names = Set<String>()
        var seen = Set<ObjectIdentifier>()
        var pending = output.node.map { [$0] } ?? []
        while let node = pending.popLast() {
            guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
            names.insert("\(node.operation)")
            pending += node.inputs
        }
        return names
    }
}

extension RandomSource {
    /// A shape of `rank` axes, each 1 to `most` long.
    public mutating func shape(rank: Int, most: Int = 5) -> [Int] {
        (0..<rank).map { _ in Int.random(in: 1...most, using: &self) }
    }
}
