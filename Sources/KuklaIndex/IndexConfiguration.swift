public import KuklaCodecs
public import KuklaNumerics

/// What an index is made of: a codec, and optionally a finer one that ranks the best candidates again.
///
/// Written as a factory string: `PCA128,SQ8`, `PQ48x4fs,Refine(SQ8)`, `B1,Refine(F16,factor=20)`. `init(parsing:)`
/// and `description` are inverse.
public struct IndexConfiguration: Hashable, Sendable {
    /// Ranks the best `factor * k` candidates again, by the codes of `codec`.
    public struct Refinement: Hashable, Sendable {
        public var codec: CodecConfiguration
        /// Candidates for each match that is wanted, `1...65536`.
        public var factor: Int

        public init(codec: CodecConfiguration, factor: Int = FlatIndex.Refinement.defaultFactor) {
            self.codec = codec
            self.factor = factor
        }
    }

    public var codec: CodecConfiguration
    public var refinement: Refinement?

    public init(codec: CodecConfiguration, refinement: Refinement? = nil) {
        self.codec = codec
        self.refinement = refinement
    }

    /// Reads a factory string: the codec's words, then optionally `Refine(...)` with the words of a second codec and
    /// optionally `factor=N`.
    ///
    /// - Throws: `KuklaError.usage` that names the word at fault and the nearest known one.
    public init(parsing string: String) throws(KuklaError) {
        let opening = "Refine("
        guard let start = Self.range(of: opening, in: string) else {
            if string.lowercased().contains("refine") {
                throw Self.malformed(string, "'Refine' takes a codec in parentheses")
            }
            if string.contains("(") {
                throw Self.malformed(string, "the only word that takes parentheses is 'Refine'")
            }
            self.init(codec: try CodecConfiguration(parsing: string))
            return
        }
        guard string.hasSuffix(")") else {
            throw Self.malformed(string, "'Refine(' is not closed, or something follows it")
        }
        guard start.lowerBound > string.startIndex, string[..<start.lowerBound].hasSuffix(",") else {
            throw Self.malformed(string, "'Refine(' stands after a codec and a comma")
        }
        let codec = try CodecConfiguration(parsing: String(string[..<start.lowerBound].dropLast()))
        var words = string[start.upperBound...].dropLast()
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var factor = FlatIndex.Refinement.defaultFactor
        if let last = words.last, last.contains("=") {
            let parts = last.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "factor", let number = Int(parts[1]),
                (1...65_536).contains(number)
            else { throw Self.malformed(string, "'\(last)' is not 'factor=N' with N from 1 to 65536") }
            factor = number
            words.removeLast()
        }
        let refined = try CodecConfiguration(parsing: words.joined(separator: ","))
        if case .productFastScan = refined.quantizer {
            throw KuklaError(
                .usage,
                "Cannot refine by '\(refined)' in the factory string '\(string)': its codes lie in blocks of several vectors. Refine by a codec such as SQ8, F16 or PQ48."
            )
        }
        self.init(codec: codec, refinement: Refinement(codec: refined, factor: factor))
    }

    private static func range(of part: String, in string: String) -> Range<String.Index>? {
        string.indices.first { string[$0...].hasPrefix(part) }
            .map { $0..<string.index($0, offsetBy: part.count) }
    }

    private static func malformed(_ string: String, _ what: String) -> KuklaError {
        KuklaError(
            .usage,
            "Cannot read the factory string '\(string)': \(what). Write for instance 'PQ48x4fs,Refine(SQ8)'.")
    }
}

extension IndexConfiguration {
    /// Vectors that training looks at; a sample of more says nothing new.
    public static let trainingLimit = CodecConfiguration.trainingLimit

    /// Trains the codecs on `sample` `[n, dimensions]` and returns an index without vectors, ready for them.
    ///
    /// - Throws: `KuklaError`: `usage` where the dimensions do not fit, `badData` where there are too few vectors or
    ///   one cannot be used.
    public func train(
        on sample: Matrix, metric: Metric, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FlatIndex {
        let sample = try sample.prepared(for: metric, role: "vector", threads: threads)
        let trained = try codec.train(
            on: sample, metric: metric, seed: seed, threads: threads, progress: progress)
        guard let refinement else { return FlatIndex(codec: trained) }
        let refined = try FlatIndex.Refinement(
            checking: try refinement.codec.train(
                on: sample, metric: metric, seed: seed, threads: threads, progress: progress),
            factor: refinement.factor)
        return FlatIndex(codec: trained, refinement: refined)
    }

    /// Bytes that one more vector costs, the refinement's among them, by arithmetic alone.
    ///
    /// - Throws: `KuklaError.usage` where the dimensions do not fit.
    public func bytesPerVector(dimensions: Int, metric: Metric) throws(KuklaError) -> Double {
        try codec.bytesPerVector(dimensions: dimensions, metric: metric)
            + (refinement?.codec.bytesPerVector(dimensions: dimensions, metric: metric) ?? 0)
    }
}

extension IndexConfiguration: CustomStringConvertible {
    /// The factory string, in canonical form: without what is the default.
    public var description: String {
        guard let refinement else { return codec.description }
        let isDefault = refinement.factor == FlatIndex.Refinement.defaultFactor
        return "\(codec),Refine(\(refinement.codec)\(isDefault ? "" : ",factor=\(refinement.factor)"))"
    }
}

extension IndexConfiguration: Codable {
    /// Reads a factory string.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the factory string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
