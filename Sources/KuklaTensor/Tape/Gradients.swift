import KuklaNumerics

/// The gradients of one scalar with respect to the leaves that it was computed from.
///
/// A value: it may be scaled, clipped and summed over several batches before an optimizer sees it.
public struct Gradients: Sendable {
    private var byLeaf: [ObjectIdentifier: Gradient] = [:]

    public init() {}

    /// The gradient of a watched tensor or parameter; nil where none flowed to it.
    public subscript(tensor: Tensor) -> Gradient? {
        get { tensor.node.flatMap { byLeaf[ObjectIdentifier($0)] } }
        set { if let node = tensor.node { byLeaf[ObjectIdentifier(node)] = newValue } }
    }

    /// The number of leaves that a gradient flowed to.
    public var count: Int { byLeaf.count }

    package subscript(leaf leaf: GradientNode) -> Gradient? {
        get { byLeaf[ObjectIdentifier(leaf)] }
        set { byLeaf[ObjectIdentifier(leaf)] = newValue }
    }

    /// Takes the gradient of a leaf out, so that its memory may be reused.
    package mutating func take(_ leaf: GradientNode) -> Gradient? {
        byLeaf.removeValue(forKey: ObjectIdentifier(leaf))
    }

    /// Adds the gradients of another batch.
    public mutating func add(_ other: Gradients) {
        for (key, gradient) in other.byLeaf {
            if var sum = byLeaf.removeValue(forKey: key) {
                sum.add(gradient, recording: false)
                byLeaf[key] = sum
            } else {
                byLeaf[key] = gradient
            }
        }
    }

    /// Multiplies every gradient by `factor`.
    public mutating func scale(by factor: Float) {
        guard factor != 1 else { return }
        for key in Array(byLeaf.keys) {
            guard let gradient = byLeaf.removeValue(forKey: key) else { continue }
            switch gradient {
            case .dense(var tensor):
                tensor.scale(by: factor)
                byLeaf[key] = .dense(tensor)
            case .rows(let rows): byLeaf[key] = .rows(rows.scaled(by: factor))
            }
        }
    }

    /// The square root of the sum of all squares; blocks of float32 are summed in double.
    public var norm: Float {
        // Sorted, because the dictionary's order differs from run to run and the last bit of the sum with it.
        let squares = byLeaf.values.map(\.values.sumOfSquares).sorted()
        return Float(squares.reduce(0, +).squareRoot())
    }

    /// Scales all gradients so that `norm` is at most `limit`, and returns the norm before.
    ///
    /// *Source:* Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks".
    @discardableResult
    public mutating func clip(toNorm limit: Float) -> Float {
        let norm = norm
        if norm > limit { scale(by: limit / norm) }
        return norm
    }
}
