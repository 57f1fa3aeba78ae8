import KuklaNumerics
import KuklaTables
import KuklaTensor
import Testing

/// The scores of product codes that are never written out, against scores that are.
@Suite struct PartScoresTests {
    private let vectors: Tensor, book: Tensor
    /// `-||q - C_k||^2` of columns 1 to 3, `[37][21]`.
    private let scores: [[Double]]

    init() {
        var random = RandomSource(seed: 7)
        let (vectors, book) = (
            Tensor.uniform([37, 5], in: -1...1, using: &random),
            Tensor.uniform([21, 3], in: -1...1, using: &random)
        )
        (self.vectors, self.book) = (vectors, book)
        scores = (0..<37).map { i in
            (0..<21).map { k in
                -(0..<3).reduce(0.0) {
                    let difference = Double(vectors[i, 1 + $1]) - Double(book[k, $1])
                    return $0 + difference * difference
                }
            }
        }
    }

    private func made() -> PartScores {
        PartScores(vectors, columns: 1..<4, codebook: book.pointer, rows: 21)
    }

    /// Mean and variance of the scores of each row of the codebook.
    private var moments: [(mean: Double, variance: Double)] {
        (0..<21).map { k in
            let column = scores.map { $0[k] }
            let mean = column.reduce(0, +) / 37
            return (mean, column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 37)
        }
    }

    @Test func momentsAreThoseOfTheScores() {
        let found = made().moments()
        for (k, wanted) in moments.enumerated() {
            #expect(abs(Double(found.mean[k]) - wanted.mean) < 1e-6)
            #expect(abs(Double(found.variance[k]) - wanted.variance) < 1e-6)
        }
    }

    @Test("the best of the normalised scores is found among the first rows", arguments: [1, 2, 10, 16, 21])
    func best(limit: Int) {
        let found = made()
        let (mean, variance) = found.moments()
        let chosen = Array(stride(from: 36, through: 0, by: -3))
        let codes = found.normalized(mean: mean, variance: variance).best(of: chosen, below: limit)
        for (i, code) in zip(chosen, codes) {
            let wanted = (0..<limit).map {
                (scores[i][$0] - moments[$0].mean) / (moments[$0].variance + 1e-5).squareRoot()
            }
            #expect(code < limit)
            #expect(wanted[code] >= (wanted.max() ?? 0) - 1e-5)
        }
    }

    @Test func vectorsThatAreNotNumbersGetACodeOfTheCodebook() {
        let broken = Tensor(shape: [2, 3], elements: [.nan, 0, 0, .infinity, 0, 0])
        let scores = PartScores(broken, columns: 0..<3, codebook: book.pointer, rows: 21)
        let (mean, variance) = scores.moments()
        let codes = scores.normalized(mean: mean, variance: variance).best(of: [0, 1], below: 5)
        #expect(codes.allSatisfy { (0..<5).contains($0) })
    }
}
