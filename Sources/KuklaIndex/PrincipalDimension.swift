import KuklaCodecs
public import KuklaNumerics

/// How many dimensions vectors fill as a whole: the least number of principal components that hold a share of their
/// variance (Elliott and Clark 2024, arXiv:2405.17813, with a share of 0.99). `LocalDimension` tells the same of the
/// surroundings of each vector.
public enum PrincipalDimension {
    /// - Parameters:
    ///   - vectors: `[n, d]`, finite; rows beyond a few times `d` say nothing new.
    ///   - share: of the variance, in `0...1`.
    /// - Returns: 0 where all vectors are equal.
    /// - Throws: `KuklaError.badData` where the eigenvalues do not converge.
    /// - Complexity: O(n d^2 + d^3).
    public static func estimate(
        _ vectors: Matrix, share: Double = 0.99, threads: Int = defaultThreadCount
    ) throws(KuklaError) -> Int {
        contract((0...1).contains(share), "PrincipalDimension: a share of \(share)")
        let variances = try PrincipalComponents(of: vectors, threads: threads).variances.map {
            max(0, Double($0))
        }
        let wanted = share * variances.reduce(0, +)
        guard wanted > 0 else { return 0 }
        var held = 0.0
        for (index, variance) in variances.enumerated() {
            held += variance
            if held >= wanted { return index + 1 }
        }
        return variances.count
    }
}
