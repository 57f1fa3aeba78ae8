import KuklaNumerics
import KuklaTensor

/// How alike row i of one matrix and row i of another are: n numbers.
enum RowSimilarity {
    static func cosine(_ columns: [Tensor], _ loss: String) -> Tensor {
        let (a, b) = pair(columns, loss)
        return Tensor.cosineSimilarity(a, b)
    }

    /// See `AnglELoss`. With `J(c + id) = -d + ic` it is `|x . (y + Jy)|` of unit rows.
    static func angle(_ columns: [Tensor], _ loss: String) -> Tensor {
        let (a, b) = pair(columns, loss)
        contract(
            a.shape[1] % 2 == 0, "\(loss): embeddings of \(a.shape[1]) dimensions, expected an even number")
        let half = b.shape[1] / 2
        let unit = b.normalized()
        let (real, imaginary) = (unit.slice(axis: 1, 0..<half), unit.slice(axis: 1, half..<2 * half))
        let turned = Tensor.concatenated([real - imaginary, imaginary + real], axis: 1)
        return a.normalized().dot(turned).abs()
    }

    private static func pair(_ columns: [Tensor], _ loss: String) -> (Tensor, Tensor) {
        contract(
            columns.count == 2 && columns[0].shape == columns[1].shape && columns[0].rank == 2,
            "\(loss): columns of shapes \(columns.map(\.shape)), expected two alike, [n, d]")
        return (columns[0], columns[1])
    }
}
