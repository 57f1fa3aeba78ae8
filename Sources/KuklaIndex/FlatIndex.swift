public import KuklaCodecs
public import KuklaNumerics

/// An index that compares every query with the codes of all vectors.
///
/// The result is exact with respect to the codec: with `F32` the true best matches. With a refinement the best
/// `factor * k` by the first codec are ranked again by a second, finer one.
///
/// Memory: `codec.layout.bytesPerVector` (and the refinement's, unless it is tiered) for each vector. Search: O(queries * count).
public struct FlatIndex: CodedIndex {
    /// How the best candidates of the scan are ranked again.
    public struct Refinement: Sendable {
        public let codec: any VectorCodec
        /// Candidates for each match that is wanted.
        public let factor: Int
        /// Whether the finer codes stay in a file, from which a search reads those of its candidates.
        public let isTiered: Bool
        /// What the first codec's score counts beside the finer one's, at least 0: candidates are ranked by
        /// `(fine + weight * coarse) / (1 + weight)`, which is again of the size of a score.
        public let coarseWeight: Float

        /// - Precondition: `codec.layout.vectorsPerBlock == 1`, so that a vector's code can be picked out;
        ///   `factor >= 1`; `coarseWeight` is finite and at least 0.
        public init(
            codec: any VectorCodec, factor: Int = Refinement.defaultFactor, isTiered: Bool = false,
            coarseWeight: Float = 0
        ) {
            contract(
                codec.layout.vectorsPerBlock == 1,
                "refinement: \(codec.layout.vectorsPerBlock) vectors a block")
            contract(factor >= 1, "refinement: factor \(factor)")
            contract(coarseWeight >= 0 && coarseWeight.isFinite, "refinement: weight \(coarseWeight)")
            self.codec = codec
            self.factor = factor
            self.isTiered = isTiered
            self.coarseWeight = coarseWeight
        }

        /// As `configuration` says, with a codec that a person or a file asked for.
        ///
        /// - Throws: `KuklaError.usage` where the codec has no layout of one vector a block.
        init(
            checking codec: any VectorCodec, _ configuration: IndexConfiguration.Refinement
        ) throws(KuklaError) {
            guard let rowwise = codec.rowwise else {
                throw KuklaError(
                    .usage,
                    "Cannot refine by '\(codec.configuration)': its codes lie in blocks of \(codec.layout.vectorsPerBlock) vectors, of which none can be picked out. Refine by a codec such as SQ8 or F16."
                )
            }
            self.init(
                codec: rowwise, factor: configuration.factor, isTiered: configuration.isTiered,
                coarseWeight: configuration.coarseWeight)
        }

        /// Ten candidates for each match.
        public static let defaultFactor = 10
    }

    public let codec: any VectorCodec
    public let refinement: Refinement?
    /// What codes queries in place of `codec`: see `queried(by:)`.
    private(set) var queryCodec: RecurrentBinaryCodec?
    public private(set) var count: Int
    private(set) var codes: CodeBuffer
    var refineCodes: FineCodes

    public var dimensions: Int { queryCodec?.dimensions ?? codec.dimensions }
    public var metric: Metric { codec.metric }
    public var configuration: IndexConfiguration { IndexConfiguration(codec: codec, refinement: refinement) }
    public var bytesPerVector: Double {
        codec.layout.bytesPerVector + (refinement?.bytesPerVector(inFile: false) ?? 0)
    }
    public var fileReads: ReadCounter? { refineCodes.reads }

    /// An index without vectors, for trained codecs.
    ///
    /// - Precondition: the refinement's codec has the same dimensions and metric.
    public init(codec: any VectorCodec, refinement: Refinement? = nil) {
        self.init(
            codec: codec, refinement: refinement, count: 0, codes: CodeBuffer(),
            refineCodes: FineCodes(inFile: refinement?.isTiered ?? false))
    }

    /// An index of codes that were made before.
    init(
        codec: any VectorCodec, refinement: Refinement?, count: Int, codes: CodeBuffer,
        refineCodes: FineCodes
    ) {
        contract(
            refinement.map { $0.codec.dimensions == codec.dimensions && $0.codec.metric == codec.metric }
                ?? true,
            "FlatIndex: the refinement's codec is for other vectors or another metric")
        contract(
            codes.byteCount == codec.layout.byteCount(of: count),
            "FlatIndex: \(codes.byteCount) bytes of codes")
        contract(
            refineCodes.all.byteCount == refinement?.codec.layout.byteCount(of: count) ?? 0,
            "FlatIndex: \(refineCodes.all.byteCount) bytes of refinement codes")
        self.codec = codec
        self.refinement = refinement
        self.count = count
        self.codes = codes
        self.refineCodes = refineCodes
    }

    /// The same codes, searched with queries of another codec that is compatible with theirs: those of a newer model. `dimensions`
    /// are then those of the queries; nothing can be added.
    ///
    /// - Throws: `KuklaError.usage` where the codes are not recurrent binary codes, are refined, or have more components than
    ///   `newer` has.
    public func queried(by newer: RecurrentBinaryCodec) throws(KuklaError) -> FlatIndex {
        guard refinement == nil, let stored = codec as? RecurrentBinaryCodec,
            stored.codeDimensions <= newer.codeDimensions
        else {
            throw KuklaError(
                .usage,
                "Cannot search '\(configuration)' with queries by '\(newer.configuration)': expected recurrent binary codes of at most as many components, without refinement."
            )
        }
        var index = self
        index.queryCodec = newer
        return index
    }

    /// Prepares queries for the codes.
    func scorer(for queries: Matrix) -> any CodeScorer {
        guard let queryCodec, let stored = codec as? RecurrentBinaryCodec else {
            return codec.scorer(for: queries)
        }
        return queryCodec.scorer(for: queries, against: stored)
    }

    /// The codec's approximations of the stored vectors in `rows`, `[rows.count, dimensions]`: of the refinement
    /// where there is one. Under cosine they are what was stored: vectors of norm 1.
    ///
    /// - Precondition: `rows` lies in `0..<count`.
    public func vectors(_ rows: Range<Int>) -> Matrix {
        contract(rows.lowerBound >= 0 && rows.upperBound <= count, "FlatIndex: rows \(rows) of \(count)")
        let (codec, codes) = refinement.map { ($0.codec, refineCodes.all) } ?? (codec, codes)
        let layout = codec.layout
        let firstBlock = rows.lowerBound / layout.vectorsPerBlock
        let before = firstBlock * layout.vectorsPerBlock
        return codes.withUnsafeBytes {
            let slice = $0[(firstBlock * layout.bytesPerBlock)..<layout.byteCount(of: rows.upperBound)]
            return codec.decode(UnsafeRawBufferPointer(rebasing: slice), count: rows.upperBound - before)
        }[rows: rows.lowerBound - before..<rows.upperBound - before]
    }
}

extension FlatIndex: Insertable {
    public mutating func insert(_ vectors: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        if let queryCodec {
            throw KuklaError(
                .unsupported,
                "Cannot add vectors to codes that are searched with queries by '\(queryCodec.configuration)': add them to the index itself."
            )
        }
        try checkInsert(vectors)
        guard vectors.rows > 0 else { return }
        let added = try vectors.prepared(for: metric, role: "vector", firstRow: count, threads: threads)
        let layout = codec.layout
        // First what may throw.
        if let refinement { try refineCodes.append(added, by: refinement.codec, threads: threads) }
        if count % layout.vectorsPerBlock == 0 {
            codes.append(added, by: codec, threads: threads)
        } else {
            // The last block is filled up with codes that were made apart.
            var apart = CodeBuffer()
            apart.append(added, by: codec, threads: threads)
            codes.copy(Array(0..<added.rows), of: apart, behind: count, layout: layout)
        }
        count += added.rows
    }

    /// The vectors in `places`, which rise, alone: under new ids, in the same order.
    func keeping(_ places: [Int]) -> FlatIndex {
        let kept = CodeBuffer(copying: places, of: codes, layout: codec.layout)
        var fine = refineCodes
        if let refinement {
            fine.compact(
                Renumbering(keeping: places, of: count), bytesPerRow: refinement.codec.layout.bytesPerBlock)
        }
        return FlatIndex(
            codec: codec, refinement: refinement, count: places.count, codes: kept, refineCodes: fine)
    }
}

extension FlatIndex: SectionedIndex {
    func write(to sections: SectionWriter) throws(KuklaError) {
        try sections.write(CollectionFormat.Name.codes, codes)
        if refinement != nil { try sections.write(CollectionFormat.Name.refineCodes, refineCodes.all) }
    }

    func problem() -> (section: String, what: String)? { nil }
}

extension CodeBuffer {
    /// The codes in `places` of `other`, in that order.
    init(copying places: [Int], of other: CodeBuffer, layout: CodeLayout) {
        self.init(capacity: layout.byteCount(of: places.count))
        copy(places, of: other, behind: 0, layout: layout)
    }

    /// Writes the codes in `places` of `other` behind the first `count` codes here. What is left of the last block is zero.
    mutating func copy(_ places: [Int], of other: CodeBuffer, behind count: Int, layout: CodeLayout) {
        let (old, new) = (layout.byteCount(of: count), layout.byteCount(of: count + places.count))
        replace(after: old, count: new - old) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        withUnsafeMutableBytes { target in
            other.withUnsafeBytes { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (place, original) in places.enumerated() {
                    layout.copy(from, at: original, to: to, at: count + place)
                }
            }
        }
    }
}

extension Matrix {
    /// The rows of this matrix and then those of `other`.
    package func appending(_ other: Matrix) -> Matrix {
        contract(
            columns == other.columns, "appending rows of \(other.columns) components to rows of \(columns)")
        return Matrix(rows: rows + other.rows, columns: columns) { all in
            let split = rows * columns
            withUnsafeBufferPointer {
                _ = UnsafeMutableBufferPointer(rebasing: all[..<split]).update(from: $0)
            }
            other.withUnsafeBufferPointer {
                _ = UnsafeMutableBufferPointer(rebasing: all[split...]).update(from: $0)
            }
        }
    }
}
