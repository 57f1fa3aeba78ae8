import KuklaNumerics
public import KuklaTensor

extension Gradients {
    /// The square root of the sum of the squares of these parameters' gradients.
    public func norm(of parameters: [NamedParameter]) -> Float {
        part(parameters).norm
    }

    /// Scales the gradients of these parameters so that their norm is at most `limit`, and returns the norm before: for
    /// groups that must not scale each other, such as an encoder and a new head.
    @discardableResult
    public mutating func clip(_ parameters: [NamedParameter], toNorm limit: Float) -> Float {
        var part = part(parameters)
        for named in parameters { self[named.parameter] = nil }
        let norm = part.clip(toNorm: limit)
        for named in parameters {
            if let gradient = part.take(named.parameter) { self[named.parameter] = gradient }
        }
        return norm
    }

    private func part(_ parameters: [NamedParameter]) -> Gradients {
        var part = Gradients()
        for named in parameters { part[named.parameter] = self[named.parameter] }
        return part
    }
}
