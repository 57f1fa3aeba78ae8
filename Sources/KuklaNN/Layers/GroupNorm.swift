import KuklaNumerics
public import KuklaTensor

/// Each image's groups of channels to mean 0 and variance 1, then scaled and shifted by channel.
///
/// *Shapes:* `x [n, channels, ...]`. *Source:* Wu and He 2018, "Group normalization", arXiv:1803.08494.
public struct GroupNorm: Module {
    public let weight: Parameter
    public let bias: Parameter
    public let groups: Int
    public let epsilon: Float

    /// Weight 1 and bias 0; `groups` divides `channels`.
    public init(groups: Int, channels: Int, epsilon: Float = 1e-5) {
        contract(
            groups > 0 && channels % groups == 0, "GroupNorm: \(groups) groups for \(channels) channels")
        weight = Parameter(.ones([channels]))
        bias = Parameter(.zeros([channels]))
        self.groups = groups
        self.epsilon = epsilon
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.groupNorm(groups: groups, weight.tensor, bias.tensor, epsilon: epsilon)
    }
}
