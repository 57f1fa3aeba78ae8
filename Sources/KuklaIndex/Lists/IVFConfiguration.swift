import KuklaCodecs
import KuklaNumerics

/// What the lists of an `IVFIndex` are: the word `IVFn`, with letters for what departs from the plainest.
///
/// - `IVF256`: codes of the vectors themselves.
/// - `IVF256r`: codes of the differences from the centres, the *residuals*. FAISS has this as a flag of the index
///   (`by_residual`) that its factory string does not show, with a default that depends on the codec; here files keep the
///   string, so it is said there, and a string without the letter means what it meant in every file written so far. Measure
///   before using it. It finds more where few lists are looked through and where lists are tight clusters. By products it can find
///   less, perhaps because what product codes lose of a residual is lost to the score while the product with the centre is exact
///   (63k text embeddings, `PQ48x4fs`, cosine: recall@10 0.423 against 0.407 at 1 list, 0.522 against 0.523 at 8,
///   0.531 against 0.559 at all).
/// - `IVF256b`: balanced lists. The largest one holds at most `largestShare` times the mean.
/// - `IVF4096_HNSW32`: nearest centres are found by a graph of 32 links, as in FAISS, in place of comparing all.
///
/// Letters stand in this order: `IVF4096rb_HNSW32`.
public struct IVFConfiguration: Hashable, Sendable {
    /// How many lists.
    public var count: Int
    /// Whether codes are of the differences between vectors and the centres of their lists.
    public var codesResiduals: Bool
    /// Whether the largest list is bounded.
    public var isBalanced: Bool
    /// Links of the graph that finds centres; `nil` where all are compared.
    public var centerLinks: Int?

    /// What the number of lists may be.
    public static let countRange = 1...65_536
    /// The largest of balanced lists, in units of the mean, rounded up.
    public static let largestShare = 1.5

    /// - Precondition: `count` lies in `countRange`, `centerLinks` in `HNSWConfiguration.linkRange`.
    public init(
        _ count: Int, codesResiduals: Bool = false, isBalanced: Bool = false, centerLinks: Int? = nil
    ) {
        contract(Self.countRange.contains(count), "IVFConfiguration: \(count) lists")
        contract(
            centerLinks.map(HNSWConfiguration.linkRange.contains) ?? true,
            "IVFConfiguration: a graph of \(centerLinks ?? 0) links")
        self.count = count
        self.codesResiduals = codesResiduals
        self.isBalanced = isBalanced
        self.centerLinks = centerLinks
    }

    /// Vectors that one of the lists may hold among `total`.
    func largestSize(among total: Int) -> Int {
        isBalanced ? Int((Self.largestShare * Double(total) / Double(count)).rounded(.up)) : total
    }
}

extension IVFConfiguration: CustomStringConvertible {
    public var description: String {
        "IVF\(count)\(codesResiduals ? "r" : "")\(isBalanced ? "b" : "")"
            + (centerLinks.map { "_HNSW\($0)" } ?? "")
    }

    /// The configuration whose `description` is `word`; `nil` where it is no such word.
    init?(word: Substring) {
        let parts = word.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].hasPrefix("IVF") else { return nil }
        let digits = parts[0].dropFirst(3).prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits), Self.countRange.contains(count),
            ["", "r", "b", "rb"].contains(parts[0].dropFirst(3 + digits.count))
        else { return nil }
        var links: Int?
        if parts.count == 2 {
            let number = parts[1].dropFirst(4)
            guard parts[1].hasPrefix("HNSW"), number.allSatisfy({ $0.isASCII && $0.isNumber }),
                let value = Int(number), HNSWConfiguration.linkRange.contains(value)
            else { return nil }
            links = value
        }
        self.init(
            count, codesResiduals: parts[0].contains("r"), isBalanced: parts[0].contains("b"),
            centerLinks: links)
    }
}

extension CodecConfiguration {
    /// The metric for which this codec is made where its codes are of residuals `r = v - c`, in an index of `metric`.
    ///
    /// By inner product and cosine, `q.v = q.c + q.r`; residuals have lengths, also under cosine, so that a codec is made for
    /// `ip` where the one for cosine takes lengths to be equal. Under `l2`, `|q - v| = |(q - c) - r|`.
    /// - Throws: `KuklaError.usage` where scores of this codec are no such parts.
    func residualMetric(for metric: Metric) throws(KuklaError) -> Metric {
        if case .recurrentBinary = quantizer {
            throw KuklaError(
                .usage,
                "Cannot code residuals by '\(self)': recurrent binary codes keep directions only, and residuals have lengths. Leave out the 'r' of 'IVFnr', or use a codec such as PQ48x4fs or SQ4."
            )
        }
        guard metric != .squaredEuclidean else { return metric }
        var truncates = false
        for transform in transforms {
            switch transform {
            case .principalComponents(_, .whitening):
                throw KuklaError(
                    .usage,
                    "Cannot code residuals by '\(self)' under \(metric): products with whitened residuals do not add up with those with the centres. Leave out the 'r' of 'IVFnr', or use 'PCA' in place of 'PCAW'."
                )
            case .truncation: truncates = true
            default: break
            }
        }
        return truncates || quantizer == .sign ? .innerProduct : metric
    }
}
