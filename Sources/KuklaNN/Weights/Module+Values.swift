import KuklaNumerics
public import KuklaTensor

extension Module {
    /// The values of all parameters and buffers with their paths. They share memory until the next update writes: a snapshot.
    public var parameterValues: [(path: String, value: Tensor)] {
        parameters.map { ($0.path, $0.parameter.value) }
    }

    /// Sets the parameters to the values of another model of the same paths and shapes, or to a snapshot of this one.
    ///
    /// - Precondition: the same paths in the same order, the same shapes.
    public func setParameters(to values: [(path: String, value: Tensor)]) {
        let mine = parameters
        contract(
            mine.map(\.path) == values.map(\.path),
            "setParameters: \(values.count) values for \(mine.count) parameters, or of other paths")
        for (named, (_, value)) in zip(mine, values) { named.parameter.value = value }
    }
}
