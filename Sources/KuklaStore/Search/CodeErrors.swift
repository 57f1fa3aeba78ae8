import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// How far codes lie from their vectors: squared distances, over squared lengths, of vectors that the codec was not trained on.
public struct CodeErrors: Codable, Hashable, Sendable {
    /// Vectors that were looked at.
    public let count: Int
    public let mean: Double
    /// Of single vectors.
    public let variance: Double

    init(count: Int, mean: Double, variance: Double) {
        self.count = count
        self.mean = mean
        self.variance = variance
    }

    /// The errors of `vectors`; `nil` where the codec learns nothing, so that no vectors are strange to it, where it codes what is left of
    /// a vector without its list's centre, and where there are fewer than 20.
    init?(_ vectors: Matrix, in index: any CodedIndex, threads: Int) throws(KuklaError) {
        let codec = index.codec
        if case .lists(let lists) = index.configuration.structure, lists.codesResiduals { return nil }
        guard !codec.parameters.isEmpty, vectors.rows >= 20 else { return nil }
        let given = try vectors.prepared(for: codec.metric, role: "vector", threads: threads)
        let codes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, codec.layout.byteCount(of: given.rows)), alignment: 64)
        defer { codes.deallocate() }
        codec.encode(given, into: codes, threads: threads)
        let found = codec.decode(UnsafeRawBufferPointer(codes), count: given.rows)
        var (sum, squares) = (0.0, 0.0)
        for row in 0..<given.rows {
            let (x, y) = (given.row(row), found.row(row))
            let error = zip(x, y).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            let relative = error / max(x.reduce(0) { $0 + Double($1) * Double($1) }, .leastNormalMagnitude)
            sum += relative
            squares += relative * relative
        }
        let n = Double(given.rows)
        self.init(
            count: given.rows, mean: sum / n, variance: max(0, squares - sum * sum / n) / (n - 1))
    }
}

/// That the vectors written since codes were trained are other ones than those that they were trained on.
public struct Drift: Codable, Hashable, Sendable {
    /// The errors of the codes when they were made, and of items written since.
    public let before: CodeErrors
    public let since: CodeErrors
    /// The difference of the means in its standard errors (Welch's statistic).
    public let statistic: Double

    /// Codes that are off by so much more than when they were made are worth being made again ...
    static let leastGrowth = 1.2
    /// ... where chance does not explain it: of collections that do not drift fewer than one in a million looks passes this.
    static let leastStatistic = 5.0

    /// - Returns: `nil` where the vectors have not drifted.
    init?(from before: CodeErrors, to since: CodeErrors) {
        let error = (before.variance / Double(before.count) + since.variance / Double(since.count))
            .squareRoot()
        let statistic = (since.mean - before.mean) / max(error, .leastNormalMagnitude)
        guard since.mean > Self.leastGrowth * before.mean, statistic > Self.leastStatistic else { return nil }
        self.before = before
        self.since = since
        self.statistic = min(statistic, 1e6)
    }
}
