public import KuklaNumerics

/// Semantic textual similarity: does the cosine of two sentences' vectors rise with people's scores?
public struct STSTask: Sendable {
    /// Two sentences and how alike people found them (0...5 in STS-B; any scale will do).
    public struct Pair: Sendable, Equatable {
        public var first: String
        public var second: String
        public var score: Double

        public init(first: String, second: String, score: Double) {
            self.first = first
            self.second = second
            self.score = score
        }
    }

    /// How well cosines follow the scores.
    public struct Result: Sendable, Equatable {
        /// The figure that papers print (times 100).
        public var spearman: Double
        public var pearson: Double
        public var pairCount: Int
    }

    public let pairs: [Pair]

    public init(pairs: [Pair]) { self.pairs = pairs }

    /// Embeds every different sentence once and correlates cosines with scores.
    ///
    /// - Parameter embedding: from n texts to vectors `[n, d]`, which need not be normalised.
    /// - Throws: what `embedding` throws; `KuklaError.badData` where a vector is zero or not finite, or a
    ///   correlation is not defined.
    public func evaluate(embedding: ([String]) throws -> Matrix) throws -> Result {
        var indices: [String: Int] = [:]
        var texts: [String] = []
        for text in pairs.flatMap({ [$0.first, $0.second] }) where indices[text] == nil {
            indices[text] = texts.count
            texts.append(text)
        }
        let vectors = try embedding(texts)
        contract(
            vectors.rows == texts.count, "STSTask: \(vectors.rows) vectors were made of \(texts.count) texts")
        let cosines = try pairs.map { pair in
            try Self.cosine(
                vectors.row(indices[pair.first, default: 0]), vectors.row(indices[pair.second, default: 0]),
                of: pair)
        }
        let scores = pairs.map(\.score)
        return Result(
            spearman: try Correlation.spearman(cosines, scores),
            pearson: try Correlation.pearson(cosines, scores), pairCount: pairs.count)
    }

    /// The cosine in double; float32 sums would make ties of near-equal pairs.
    private static func cosine(_ a: [Float], _ b: [Float], of pair: Pair) throws(KuklaError) -> Double {
        var (dot, aa, bb) = (0.0, 0.0, 0.0)
        for i in a.indices {
            let (x, y) = (Double(a[i]), Double(b[i]))
            dot += x * y
            aa += x * x
            bb += y * y
        }
        let cosine = dot / (aa * bb).squareRoot()
        guard cosine.isFinite else {
            throw KuklaError(
                .badData,
                "the vectors of '\(pair.first.prefix(60))' and '\(pair.second.prefix(60))' have no cosine: one is "
                    + "zero or not finite")
        }
        return cosine
    }
}
