import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// Pairs of sentences with people's scores, by which vectors are judged at any number of leading components.
struct ScoredPairs: Sendable {
    /// All different sentences.
    let texts: [String]
    private let pairs: [(first: Int, second: Int)]
    private let scores: [Double]

    init(_ all: [SentencePair]) {
        var known: [String: Int] = [:]
        var texts: [String] = []
        func number(_ text: String) -> Int {
            if let number = known[text] { return number }
            known[text] = texts.count
            texts.append(text)
            return texts.count - 1
        }
        pairs = all.map { (number($0.first), number($0.second)) }
        scores = all.map(\.score)
        self.texts = texts
    }

    /// The cosines of all pairs by the first components of their vectors, a list for each of `dimensions`, which rise: sums that go
    /// on from size to size.
    func cosines(_ vectors: Matrix, dimensions: [Int]) -> [[Double]] {
        var cosines = dimensions.map { _ in [Double]() }
        for pair in pairs {
            let (a, b) = (vectors.row(pair.first), vectors.row(pair.second))
            var (dot, aa, bb) = (0.0, 0.0, 0.0)
            var next = 0
            for (index, size) in dimensions.enumerated() {
                for i in next..<size {
                    let (x, y) = (Double(a[i]), Double(b[i]))
                    dot += x * y
                    aa += x * x
                    bb += y * y
                }
                next = size
                cosines[index].append(dot / (aa * bb).squareRoot())
            }
        }
        return cosines
    }

    /// Spearman's coefficient of these cosines and the scores, times 100, for each of `dimensions`, which rise.
    ///
    /// - Parameter vectors: `[texts, d]`, in the order of `texts`.
    /// - Throws: `badData` where it is not defined.
    func spearman(_ vectors: Matrix, dimensions: [Int]) throws(KuklaError) -> [Double] {
        var found: [Double] = []
        for cosines in cosines(vectors, dimensions: dimensions) {
            found.append(100 * (try Correlation.spearman(cosines, scores)))
        }
        return found
    }
}
