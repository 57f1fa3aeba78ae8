import KuklaCodecs
public import KuklaNumerics

/// An index of documents that are sets of vectors, searched by late interaction (`MaxSim`).
///
/// An inner index over fixed dimensional encodings proposes candidates, and the exact score ranks these. An index is
/// a value: a copy is a snapshot for readers. A document is named by its number, from 0.
///
/// Memory: 4 bytes a component of every vector, and what the inner index takes for one vector a document.
public struct MultiVectorIndex: Sendable {
    public let encoder: FixedDimensionalEncoder
    /// How vectors are compared within a score: under cosine they are divided by their norms as they come in.
    public let metric: Metric
    /// The index over the encodings, compared by inner product.
    public private(set) var inner: any CodedIndex
    /// Documents that are ranked exactly where a search does not say how many, at least 1.
    public var candidates: Int
    /// Where each document begins among all vectors, and the end.
    private(set) var offsets: [Int]
    /// The components of all vectors.
    private var vectors: CodeBuffer

    /// Components of the vectors.
    public var dimensions: Int { encoder.inputDimensions }
    /// Documents.
    public var count: Int { offsets.count - 1 }
    /// Vectors of all documents.
    public var vectorCount: Int { offsets.last! }
    /// The factory string that this index is made of, as a value.
    public var configuration: MultiVectorConfiguration {
        MultiVectorConfiguration(
            encoding: encoder.configuration,
            inner: inner.configuration, candidates: candidates)
    }

    /// An index without documents.
    ///
    /// - Precondition: `inner` is empty and for encodings of `encoder`, compared by inner product.
    public init(encoder: FixedDimensionalEncoder, metric: Metric, candidates: Int, inner: any CodedIndex) {
        self.init(
            encoder: encoder, metric: metric, candidates: candidates, inner: inner, offsets: [0],
            vectors: CodeBuffer())
    }

    /// An index of documents that were encoded before.
    init(
        encoder: FixedDimensionalEncoder, metric: Metric, candidates: Int, inner: any CodedIndex,
        offsets: [Int],
        vectors: CodeBuffer
    ) {
        contract(
            inner.dimensions == encoder.dimensions && inner.metric == .innerProduct
                && inner.count == offsets.count - 1,
            "MultiVectorIndex: an inner index of \(inner.count) x \(inner.dimensions) by \(inner.metric)")
        contract(
            vectors.byteCount == offsets.last! * encoder.inputDimensions * 4,
            "MultiVectorIndex: \(vectors.byteCount) bytes of vectors")
        contract(candidates >= 1, "MultiVectorIndex: \(candidates) candidates")
        self.encoder = encoder
        self.metric = metric
        self.candidates = candidates
        self.inner = inner
        self.offsets = offsets
        self.vectors = vectors
    }

    /// Adds `documents` under the next numbers.
    ///
    /// - Throws: `KuklaError` where the dimensions are others, a vector is not finite or, under cosine, zero; the index
    ///   is then as before.
    public mutating func insert(_ documents: VectorSets, threads: Int = defaultThreadCount) throws(KuklaError)
    {
        let added = try checked(documents, firstRow: vectorCount, threads: threads)
        let encoder = encoder
        // A part that fails leaves the inner index as it was. The first change after a snapshot copies everything, so one is
        // taken only where several parts must be undone together.
        var snapshot: (any CodedIndex)?
        do {
            try encoder.forEachPart(of: added, threads: threads) { (encoded, part) throws(KuklaError) in
                if part.lowerBound == 0, part.upperBound < added.count { snapshot = inner }
                try inner.insert(encoded, threads: threads)
            }
        } catch {
            if let snapshot { inner = snapshot }
            throw error
        }
        added.vectors.withUnsafeBufferPointer { source in
            let bytes = UnsafeRawBufferPointer(source)
            vectors.replace(after: vectors.byteCount, count: bytes.count) { $0.copyMemory(from: bytes) }
        }
        let start = vectorCount
        offsets += added.offsets.dropFirst().map { start + $0 }
    }

    /// The vectors of a document, as they are compared.
    public subscript(document: Int) -> Matrix {
        let rows = offsets[document]..<offsets[document + 1]
        return withVectors { all in
            Matrix(rows: rows.count, columns: dimensions) {
                _ = $0.update(
                    fromContentsOf: all[rows.lowerBound * dimensions..<rows.upperBound * dimensions])
            }
        }
    }

    /// `documents` as the index takes them, or the error that says why it cannot.
    func checked(_ documents: VectorSets, firstRow: Int, threads: Int) throws(KuklaError) -> VectorSets {
        guard documents.dimensions == dimensions else {
            throw KuklaError(
                .badData,
                "Cannot add documents with vectors of \(documents.dimensions) components: the index has vectors of \(dimensions)."
            )
        }
        return try documents.prepared(for: metric, firstRow: firstRow, threads: threads)
    }

    func withVectors<Result>(_ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        vectors.withUnsafeBytes { body($0.bindMemory(to: Float.self)) }
    }
}

extension FixedDimensionalEncoder {
    /// Gives the encodings of `documents` to `body`, some at a time: all together they may be larger than memory.
    func forEachPart(
        of documents: VectorSets, threads: Int,
        _ body: (Matrix, Range<Int>) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        let step = max(64, (64 << 20) / (4 * dimensions))
        for start in stride(from: 0, to: documents.count, by: step) {
            let range = start..<min(start + step, documents.count)
            try body(encode(documents: documents[sets: range], threads: threads), range)
        }
    }
}
