import KuklaIndex
import KuklaNumerics

extension Matrix {
    /// Normal numbers.
    static func random(rows: Int, columns: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: columns) { for i in $0.indices { $0[i] = random.normal() } }
    }

    /// Small whole numbers: many pairs of rows have the same score, exactly.
    static func wholeNumbers(rows: Int, columns: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: columns) {
            for i in $0.indices { $0[i] = Float(Int.random(in: -2...2, using: &random)) }
        }
    }

    /// Every row in double precision, all ids best first, of equal scores the lower id first.
    func bruteForce(_ query: [Float], metric: Metric) -> [(id: Int, score: Double)] {
        func dot(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        return (0..<rows).map { id in
            let row = row(id)
            let score =
                switch metric {
                case .innerProduct: dot(query, row)
                case .cosine: dot(query, row) / (dot(query, query) * dot(row, row)).squareRoot()
                case .squaredEuclidean:
                    -zip(query, row).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
                }
            return (id, score)
        }.sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }
    }
}

extension Matrix {
    /// Normal numbers around 20 centres, which are the same for every seed.
    static func clustered(rows: Int, columns: Int, seed: UInt64) -> Matrix {
        let centres = Matrix.random(rows: 20, columns: columns, seed: 77)
        var random = RandomSource(seed: seed)
        return Matrix(rows: rows, columns: columns) { out in
            for row in 0..<rows {
                let centre = Int.random(in: 0..<20, using: &random)
                for i in 0..<columns { out[row * columns + i] = centres[centre, i] + 0.5 * random.normal() }
            }
        }
    }
}
