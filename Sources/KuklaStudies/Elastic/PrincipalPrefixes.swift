import KuklaCodecs
import KuklaNumerics

/// Vectors turned so that their leading components are their principal ones: what any model can be cut to without training.
struct PrincipalPrefixes {
    private let components: PrincipalComponents
    private let isCentred: Bool
    private let threads: Int

    /// - Parameter isCentred: whether the mean is taken off; else cosines of whole vectors stay what they are.
    init(of sample: Matrix, isCentred: Bool = true, threads: Int) throws(KuklaError) {
        components = try PrincipalComponents(of: sample, threads: threads)
        self.isCentred = isCentred
        self.threads = threads
    }

    func callAsFunction(_ vectors: Matrix) -> Matrix {
        let mean = components.mean
        let centred = Matrix(rows: vectors.rows, columns: vectors.columns) { out in
            vectors.withUnsafeBufferPointer { from in
                for i in out.indices { out[i] = from[i] - (isCentred ? mean[i % mean.count] : 0) }
            }
        }
        return centred.multiplied(by: components.directions, transposed: true, threads: threads)
    }
}
