import KuklaNumerics
public import KuklaTensor

/// What one forward and backward pass gave.
public struct TrainingStep: Sendable {
    /// One loss and what it counts for in the sum.
    public struct Loss: Sendable {
        public var name: String
        public var value: Float
        public var weight: Float

        public init(_ name: String, _ value: Float, weight: Float = 1) {
            self.name = name
            self.value = value
            self.weight = weight
        }
    }

    /// In the order in which they are shown.
    public var losses: [Loss]
    /// The gradient of `total`.
    public var gradients: Gradients

    /// Losses whose gradients were computed elsewhere: in pieces, by a closed form.
    public init(losses: [Loss], gradients: Gradients) {
        self.losses = losses
        self.gradients = gradients
    }

    /// Scalars by name, and the gradient of their weighted sum.
    public init(_ losses: [(name: String, value: Tensor, weight: Float)]) {
        contract(!losses.isEmpty, "TrainingStep: no loss")
        self.losses = losses.map { Loss($0.name, $0.value.item, weight: $0.weight) }
        let terms = losses.map { $0.weight == 1 ? $0.value : $0.value * $0.weight }
        gradients = terms.dropFirst().reduce(terms[0]) { $0 + $1 }.gradients()
    }

    /// One loss.
    public init(_ name: String, _ loss: Tensor) { self.init([(name, loss, 1)]) }

    /// The weighted sum of the losses: what is minimised.
    public var total: Double { losses.reduce(0) { $0 + Double($1.value) * Double($1.weight) } }
}
