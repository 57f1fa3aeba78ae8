import Foundation
public import KuklaNumerics

/// What a multi-vector index is made of: an encoding, an index over the encodings, and how many candidates it gives.
///
/// Written as a factory string: `FDE20x5x16,PQ1280,MaxSim(candidates=400)`: the words between the encoding and
/// `MaxSim` are those of an `IndexConfiguration`, `F32` where there are none. `init(parsing:)` and `description` are
/// inverse.
public struct MultiVectorConfiguration: Hashable, Sendable {
    public var encoding: FixedDimensionalEncoding
    /// The index over the encodings.
    public var inner: IndexConfiguration
    /// Documents that exact late interaction ranks again, for each query, at least 1.
    public var candidates: Int

    public static let defaultCandidates = 200

    public init(
        encoding: FixedDimensionalEncoding, inner: IndexConfiguration,
        candidates: Int = defaultCandidates
    ) {
        self.encoding = encoding
        self.inner = inner
        self.candidates = candidates
    }

    /// Bytes of encodings that training looks at.
    static let trainingBytes = 512 << 20

    /// Trains the inner index on the encodings of `sample` and returns an index without documents, ready for them.
    ///
    /// - Parameters:
    ///   - metric: how vectors are compared within `MaxSim`: cosine or inner product.
    ///   - seed: of the training; the encoding has its own.
    /// - Throws: `KuklaError`: `usage` where the encoding or a codec does not fit the dimensions, or the metric is
    ///   another; `badData` where there are too few documents for the codec or a vector cannot be used.
    public func train(
        on sample: VectorSets, metric: Metric, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> MultiVectorIndex {
        guard metric != .squaredEuclidean else {
            throw KuklaError(
                .usage,
                "Cannot index sets of vectors by l2: late interaction adds up inner products. Use cosine or ip."
            )
        }
        let encoder = try FixedDimensionalEncoder(encoding, inputDimensions: sample.dimensions)
        let limit = min(
            IndexConfiguration.trainingLimit, max(1, Self.trainingBytes / (4 * encoder.dimensions)))
        var random = RandomSource(seed: seed)
        let chosen =
            sample.count > limit
            ? sample.gathering(random.sample(limit, below: sample.count).sorted()) : sample
        let encodings = encoder.encode(
            documents: try chosen.prepared(for: metric, threads: threads), threads: threads)
        return MultiVectorIndex(
            encoder: encoder, metric: metric, candidates: candidates,
            inner: try inner.makeIndex(
                on: encodings, metric: .innerProduct, seed: seed, threads: threads, progress: progress))
    }
}

extension MultiVectorConfiguration: CustomStringConvertible {
    /// - Throws: `KuklaError.usage` that says which part is wrong.
    public init(parsing string: String) throws(KuklaError) {
        var depth = 0
        let comma = string.firstIndex {
            depth += $0 == "(" ? 1 : $0 == ")" ? -1 : 0
            return $0 == "," && depth == 0
        }
        let encoding = try FixedDimensionalEncoding(parsing: String(string[..<(comma ?? string.endIndex)]))
        var rest = comma.map { string[string.index(after: $0)...] } ?? "F32"
        var candidates = Self.defaultCandidates
        if let range = rest.range(of: "MaxSim") {
            let word = rest[range.lowerBound...]
            guard word.hasPrefix("MaxSim(candidates="), word.hasSuffix(")"),
                let number = Int(word.dropFirst("MaxSim(candidates=".count).dropLast()), number >= 1
            else {
                throw KuklaError(
                    .usage,
                    "Cannot read the factory string '\(string)': '\(word)' is not 'MaxSim(candidates=N)' with N from 1, at the end."
                )
            }
            candidates = number
            guard range.lowerBound == rest.startIndex || rest[..<range.lowerBound].last == "," else {
                throw KuklaError(
                    .usage, "Cannot read the factory string '\(string)': a comma is missing before '\(word)'."
                )
            }
            rest = range.lowerBound == rest.startIndex ? "F32" : rest[..<range.lowerBound].dropLast()
        }
        self.init(
            encoding: encoding, inner: try IndexConfiguration(parsing: String(rest)),
            candidates: candidates)
    }

    /// The canonical form: with the inner index, and without what is the default.
    public var description: String {
        "\(encoding),\(inner)"
            + (candidates == Self.defaultCandidates ? "" : ",MaxSim(candidates=\(candidates))")
    }
}

extension VectorSets {
    /// The sets as an index of `metric` takes them: checked, and under cosine every vector divided by its norm.
    func prepared(
        for metric: Metric, role: String = "vector", firstRow: Int = 0, threads: Int
    ) throws(KuklaError) -> VectorSets {
        VectorSets(
            vectors: try vectors.prepared(for: metric, role: role, firstRow: firstRow, threads: threads),
            offsets: offsets)
    }
}
