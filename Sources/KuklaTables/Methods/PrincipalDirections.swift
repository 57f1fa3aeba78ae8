import KuklaNumerics
import KuklaTensor

/// The directions in which the rows of a matrix are largest, by the eigenvectors of its products of columns.
///
/// What a truncated singular value decomposition needs of a matrix of many rows and few columns.
struct PrincipalDirections {
    /// Squares of the singular values, largest first.
    let energies: [Double]
    /// `[columns, columns]`, a direction a row.
    private let directions: Tensor

    /// - Complexity: O(rows columns^2 + columns^3).
    init(of matrix: Tensor) throws(KuklaError) {
        let gram = matrix.transposed().matmul(matrix.transposed(), transposingOther: true)
        let (values, vectors) = try gram.matrix.symmetricEigen()
        energies = values.map { Double(max(0, $0)) }
        directions = Tensor(vectors)
    }

    /// The first directions, `[count, columns]`; rows of zeros behind the last.
    func leading(_ count: Int) -> Tensor {
        let known = min(count, directions.shape[0])
        let first = directions.slice(axis: 0, 0..<known)
        guard known < count else { return first }
        return .concatenated([first, .zeros([count - known, directions.shape[1]])])
    }
}
