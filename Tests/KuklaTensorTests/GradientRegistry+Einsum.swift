import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// Random tensors for the terms of an equation: a letter has one length everywhere.
    private static func contraction(_ equation: String) -> GradientCase {
        let terms = equation.prefix { $0 != "-" }.split(separator: ",")
        return GradientCase("einsum \(equation)") { random in
            var lengths: [Character: Int] = [:]
            return terms.map { term in
                Tensor.normal(
                    term.map { label in
                        let length = lengths[label] ?? Int.random(in: 1...4, using: &random)
                        lengths[label] = length
                        return length
                    }, using: &random)
            }
        } function: {
            $0.count == 1 ? einsum(equation, $0[0]) : einsum(equation, $0[0], $0[1])
        }
    }

    static let contractions: [GradientCase] = [
        "bij,bjk->bik", "bqhd,bkhd->bhqk", "ij,jk->ki", "bi,bi->b", "bi,bj->bji", "iij,j->i", "aba->b",
        "ijk->ki",
    ].map(contraction)
}
