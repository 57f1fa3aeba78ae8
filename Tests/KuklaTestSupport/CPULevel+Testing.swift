public import KuklaNumerics
public import Testing

extension CPULevel: CustomTestStringConvertible {
    public var testDescription: String { rawValue }
}

extension Matrix {
    /// Rows of standard normal components, the same for the same seed.
    public static func normal(rows: Int, columns: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: columns) { for i in $0.indices { $0[i] = random.normal() } }
    }
}
