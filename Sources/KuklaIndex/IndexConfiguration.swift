public import KuklaCodecs
public import KuklaNumerics

/// What an index is made of: how vectors are found, a codec, and optionally a finer one that ranks the best candidates
/// again.
///
/// Written as a factory string: `PCA128,SQ8`, `PQ48x4fs,Refine(SQ8)`, `HNSW16,B1,Refine(F16,factor=20)`,
/// `PQ48,Tiered(F32,factor=20)`.
/// `init(parsing:)` and `description` are inverse.
public struct IndexConfiguration: Hashable, Sendable {
    /// How an index finds vectors.
    public enum Structure: Hashable, Sendable {
        /// Compares all of them (`FlatIndex`); has no word.
        case flat
        /// `HNSWm`, `HNSWm_e`: walks over a graph of `m` links a node, built with `efConstruction` e (`HNSWIndex`).
        case graph(HNSWConfiguration)
        /// `IVFn`, `IVFnrb_HNSWm`: looks through some of `n` lists (`IVFIndex`).
        case lists(IVFConfiguration)
    }

    /// Ranks the best `factor * k` candidates again, by the codes of `codec`.
    public struct Refinement: Hashable, Sendable {
        public var codec: CodecConfiguration
        /// Candidates for each match that is wanted, `1...65536`.
        public var factor: Int
        /// `Tiered(...)` in place of `Refine(...)`: the finer codes stay in a file.
        public var isTiered: Bool
        /// What the first codec's score counts, at least 0: see `FlatIndex.Refinement.coarseWeight`.
        public var coarseWeight: Float

        public init(
            codec: CodecConfiguration, factor: Int = FlatIndex.Refinement.defaultFactor,
            isTiered: Bool = false, coarseWeight: Float = 0
        ) {
            self.codec = codec
            self.factor = factor
            self.isTiered = isTiered
            self.coarseWeight = coarseWeight
        }

        fileprivate static let words = ["Refine", "Tiered"]
        fileprivate var word: String { Self.words[isTiered ? 1 : 0] }
    }

    public var structure: Structure
    public var codec: CodecConfiguration
    public var refinement: Refinement?

    public init(
        structure: Structure = .flat, codec: CodecConfiguration, refinement: Refinement? = nil
    ) {
        self.structure = structure
        self.codec = codec
        self.refinement = refinement
    }

    /// What a trained index is made of.
    init(structure: Structure = .flat, codec: any VectorCodec, refinement: FlatIndex.Refinement?) {
        self.init(
            structure: structure, codec: codec.configuration,
            refinement: refinement.map {
                Refinement(
                    codec: $0.codec.configuration, factor: $0.factor, isTiered: $0.isTiered,
                    coarseWeight: $0.coarseWeight)
            })
    }

    /// Reads a factory string: optionally the word of a structure, the codec's words, then optionally `Refine(...)` or
    /// `Tiered(...)` with the words of a second codec and optionally `factor=N` and `weight=W`.
    ///
    /// - Throws: `KuklaError.usage` that names the word at fault and the nearest known one.
    public init(parsing string: String) throws(KuklaError) {
        let first = string.prefix { $0 != "," }
        guard let structure = try Structure(word: first, in: string) else {
            try self.init(parsingFlat: string)
            return
        }
        let rest = string.dropFirst(first.count)
        try self.init(parsingFlat: rest.isEmpty ? "F32" : String(rest.dropFirst()))
        self.structure = structure
    }

    private init(parsingFlat string: String) throws(KuklaError) {
        guard let word = Refinement.words.first(where: { string.contains($0 + "(") }),
            let start = Self.range(of: word + "(", in: string)
        else {
            let lower = string.lowercased()
            if let word = Refinement.words.first(where: { lower.contains($0.lowercased()) }) {
                throw Self.malformed(string, "'\(word)' takes a codec in parentheses")
            }
            if string.contains("(") {
                throw Self.malformed(
                    string, "the only words that take parentheses are 'Refine' and 'Tiered'")
            }
            self.init(codec: try CodecConfiguration(parsing: string))
            return
        }
        guard string.hasSuffix(")") else {
            throw Self.malformed(string, "'\(word)(' is not closed, or something follows it")
        }
        guard start.lowerBound > string.startIndex, string[..<start.lowerBound].hasSuffix(",") else {
            throw Self.malformed(string, "'\(word)(' stands after a codec and a comma")
        }
        let codec = try CodecConfiguration(parsing: String(string[..<start.lowerBound].dropLast()))
        var words = string[start.upperBound...].dropLast()
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var refinement = Refinement(codec: CodecConfiguration(), isTiered: word == "Tiered")
        while let last = words.last, last.contains("=") {
            guard refinement.set(last) else {
                throw Self.malformed(
                    string,
                    "'\(last)' is not 'factor=N' with N from 1 to 65536, or 'weight=W' with W from 0 to 1000"
                )
            }
            words.removeLast()
        }
        refinement.codec = try CodecConfiguration(parsing: words.joined(separator: ","))
        if case .productFastScan = refinement.codec.quantizer {
            throw KuklaError(
                .usage,
                "Cannot refine by '\(refinement.codec)' in the factory string '\(string)': its codes lie in blocks of several vectors. Refine by a codec such as SQ8, F16 or PQ48."
            )
        }
        self.init(codec: codec, refinement: refinement)
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

extension IndexConfiguration.Refinement {
    /// Takes `factor=N` or `weight=W`; says whether it is one.
    fileprivate mutating func set(_ option: String) -> Bool {
        let parts = option.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        if parts[0] == "factor", let number = Int(parts[1]), (1...65_536).contains(number) {
            factor = number
            return true
        }
        if parts[0] == "weight", let number = Float(parts[1]), (0...1000).contains(number) {
            coarseWeight = number
            return true
        }
        return false
    }

    /// The word with what it takes, without what is the default.
    fileprivate var text: String {
        "\(word)(\(codec)" + (factor == FlatIndex.Refinement.defaultFactor ? "" : ",factor=\(factor)")
            + (coarseWeight == 0 ? "" : ",weight=\(coarseWeight)") + ")"
    }
}

extension IndexConfiguration {
    /// Vectors that training looks at; a sample of more says nothing new.
    public static let trainingLimit = CodecConfiguration.trainingLimit

    /// Trains the codecs on `sample` `[n, dimensions]` and returns a flat index of them without vectors.
    ///
    /// - Parameters:
    ///   - ready: a codec of this configuration that was trained before, in place of training one.
    ///   - finer: the same for the codec of the refinement.
    /// - Throws: `KuklaError`: `usage` where the dimensions do not fit, or `ready` is of another configuration, metric or
    ///   dimension; `badData` where there are too few vectors or one cannot be used.
    public func train(
        on sample: Matrix, metric: Metric, codec ready: (any VectorCodec)? = nil,
        finer: (any VectorCodec)? = nil, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> FlatIndex {
        contract(structure == .flat, "train: '\(self)' is not flat; use makeIndex")
        let sample = try sample.prepared(for: metric, role: "vector", threads: threads)
        func codec(
            _ configuration: CodecConfiguration, _ ready: (any VectorCodec)?
        ) throws(KuklaError) -> any VectorCodec {
            guard let ready else {
                return try configuration.train(
                    on: sample, metric: metric, seed: seed, threads: threads, progress: progress)
            }
            guard ready.configuration == configuration, ready.metric == metric,
                ready.dimensions == sample.columns
            else {
                throw KuklaError(
                    .usage,
                    "Cannot index vectors of \(sample.columns) dimensions by \(metric) as '\(configuration)': the trained codec is '\(ready.configuration)' for \(ready.dimensions) dimensions by \(ready.metric). Give the vectors, metric and factory string that it was trained for."
                )
            }
            return ready
        }
        let trained = try codec(self.codec, ready)
        guard let refinement else {
            guard let finer else { return FlatIndex(codec: trained) }
            throw KuklaError(
                .usage,
                "Cannot rank by the finer codec '\(finer.configuration)': '\(self)' has no Refine or Tiered."
            )
        }
        let refined = try FlatIndex.Refinement(checking: codec(refinement.codec, finer), refinement)
        return FlatIndex(codec: trained, refinement: refined)
    }

    /// Vectors without which `makeIndex` throws.
    public var leastTrainingCount: Int {
        let codes = max(codec.leastTrainingCount, refinement?.codec.leastTrainingCount ?? 1)
        return if case .lists(let lists) = structure { max(codes, lists.count) } else { codes }
    }

    /// As `train`, and returns an index of any structure, without vectors.
    public func makeIndex(
        on sample: Matrix, metric: Metric, codec ready: (any VectorCodec)? = nil,
        finer: (any VectorCodec)? = nil, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> any CodedIndex {
        if case .lists(let lists) = structure {
            return try makeLists(
                lists, on: sample, metric: metric, codec: ready, finer: finer, seed: seed, threads: threads,
                progress: progress)
        }
        let flat = try IndexConfiguration(codec: codec, refinement: refinement).train(
            on: sample, metric: metric, codec: ready, finer: finer, seed: seed, threads: threads,
            progress: progress)
        guard case .graph(let graph) = structure else { return flat }
        return try HNSWIndex(graph, codec: flat.codec, refinement: flat.refinement, seed: seed)
    }

    private func makeLists(
        _ lists: IVFConfiguration, on sample: Matrix, metric: Metric, codec ready: (any VectorCodec)?,
        finer: (any VectorCodec)?, seed: UInt64, threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) -> IVFIndex {
        let codecMetric = try codecMetric(metric)
        guard ready == nil || !lists.codesResiduals else {
            throw KuklaError(
                .usage,
                "Cannot make '\(lists)' with a codec that was trained before: it would code residuals, and was trained on whole vectors. Leave out the 'r', or the codec."
            )
        }
        let prepared = try sample.prepared(for: metric, role: "vector", threads: threads)
        let clusters = try CoarseClusters.train(
            lists, on: prepared, metric: metric, seed: seed, threads: threads, progress: progress)
        // The refinement is of whole vectors, whatever the lists code.
        let first = lists.codesResiduals ? CodecConfiguration(quantizer: .float32) : codec
        let flat = try IndexConfiguration(codec: first, refinement: refinement).train(
            on: sample, metric: metric, codec: ready, finer: finer, seed: seed, threads: threads,
            progress: progress)
        guard lists.codesResiduals else {
            return IVFIndex(
                lists, clusters, codec: flat.codec, refinement: flat.refinement, trainedOn: sample.rows)
        }
        let residuals = clusters.residuals(
            of: prepared, in: clusters.nearest(to: prepared, threads: threads))
        let trained = try codec.train(
            on: residuals, metric: codecMetric, seed: seed, threads: threads, progress: progress)
        return IVFIndex(lists, clusters, codec: trained, refinement: flat.refinement, trainedOn: sample.rows)
    }

    /// The metric for which the first codec is made, in an index of `metric`.
    ///
    /// - Throws: `KuklaError.usage` where the structure codes residuals and the codec cannot.
    func codecMetric(_ metric: Metric) throws(KuklaError) -> Metric {
        guard case .lists(let lists) = structure, lists.codesResiduals else { return metric }
        return try codec.residualMetric(for: metric)
    }

    /// Bytes of memory that one more vector costs, links and the refinement's codes unless they stay in a file among them,
    /// by arithmetic alone.
    ///
    /// - Throws: `KuklaError.usage` where the dimensions do not fit.
    public func bytesPerVector(dimensions: Int, metric: Metric) throws(KuklaError) -> Double {
        try structure.bytesPerVector
            + codec.bytesPerVector(dimensions: dimensions, metric: codecMetric(metric))
            + (refinement.flatMap { $0.isTiered ? nil : $0.codec }?
                .bytesPerVector(dimensions: dimensions, metric: metric) ?? 0)
    }
}

extension IndexConfiguration.Structure {
    /// The structure that `word` names; `nil` where it is the word of something else.
    init?(word: Substring, in string: String) throws(KuklaError) {
        func numbers(after prefix: String) -> [Int]? {
            let parts = word.dropFirst(prefix.count).split(separator: "_", omittingEmptySubsequences: false)
            let values = parts.compactMap { part in
                part.utf8.allSatisfy { (48...57).contains($0) } ? Int(part) : nil
            }
            return values.count == parts.count ? values : nil
        }
        if word.hasPrefix("IVF") {
            guard let lists = IVFConfiguration(word: word) else {
                throw KuklaError(
                    .usage,
                    "Cannot read '\(word)' in the factory string '\(string)': expected 'IVFn' with n lists from 1 to \(IVFConfiguration.countRange.upperBound), such as 'IVF1024'; then 'r' where residuals are coded, 'b' where lists are balanced, and '_HNSWm' where a graph finds the centres, such as 'IVF4096rb_HNSW32'."
                )
            }
            self = .lists(lists)
            return
        }
        guard word.hasPrefix("HNSW") else { return nil }
        let values = numbers(after: "HNSW") ?? []
        guard (1...2).contains(values.count),
            HNSWConfiguration.linkRange.contains(values[0]),
            (1...65_536).contains(values.last ?? 1)
        else {
            throw KuklaError(
                .usage,
                "Cannot read '\(word)' in the factory string '\(string)': expected 'HNSWm' or 'HNSWm_e', with m links from \(HNSWConfiguration.linkRange.lowerBound) to \(HNSWConfiguration.linkRange.upperBound) and efConstruction e from 1 to 65536, such as 'HNSW16'."
            )
        }
        self = .graph(
            values.count == 2
                ? HNSWConfiguration(links: values[0], efConstruction: values[1])
                : HNSWConfiguration(links: values[0]))
    }

    /// What stands before the codec's words.
    var prefix: String {
        switch self {
        case .flat: return ""
        case .lists(let lists): return "\(lists),"
        case .graph(let graph):
            let isDefault = graph.efConstruction == HNSWConfiguration.defaultEfConstruction
            return "HNSW\(graph.links)\(isDefault ? "" : "_\(graph.efConstruction)"),"
        }
    }

    /// Bytes that one more vector costs beside its codes.
    var bytesPerVector: Double {
        switch self {
        case .flat: 0
        case .graph(let graph): graph.bytesPerVector
        case .lists: 4
        }
    }
}

extension IndexConfiguration: CustomStringConvertible {
    /// The factory string, in canonical form: without what is the default.
    public var description: String { structure.prefix + flatDescription }

    private var flatDescription: String {
        codec.description + (refinement.map { "," + $0.text } ?? "")
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
