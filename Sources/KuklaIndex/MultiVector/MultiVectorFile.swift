public import Foundation
public import KuklaNumerics

/// A collection file of documents that are sets of vectors, open for searching.
///
/// It is a collection of the documents' encodings, whose index, names and texts it keeps as any other, with the
/// vectors themselves in further sections. They are mapped and read in place.
public final class MultiVectorFile: Sendable {
    public let collection: CollectionFile
    public let index: MultiVectorIndex

    /// What the section `multi-vector` says, as JSON.
    struct Details: Codable {
        var encoding: String
        var candidates: Int
        var dimensions: Int
        var metric: Metric
    }

    enum Name {
        static let details = "multi-vector"
        static let vectors = "vectors"
        static let offsets = "vectors-offset"
    }

    /// Whether the items of `collection` are sets of vectors.
    public static func holdsSets(_ collection: CollectionFile) -> Bool {
        collection.bytes(of: Name.details) != nil
    }

    /// Opens the file `url`.
    ///
    /// - Throws: as `CollectionFile`; `badData` where it is a collection of single vectors.
    public convenience init(_ url: URL) throws { try self.init(CollectionFile(url)) }

    /// Takes the sets of vectors from a collection that was opened before.
    ///
    /// - Throws: `KuklaError.badData` where they are damaged, or not there.
    public init(_ collection: CollectionFile) throws(KuklaError) {
        self.collection = collection
        guard let json = collection.bytes(of: Name.details) else {
            throw KuklaError(
                .badData,
                "Cannot search \(collection.url.path) by late interaction: its items are single vectors. Build it from sets of vectors."
            )
        }
        func damaged(_ section: String, _ what: String, cause: (any Error)? = nil) -> KuklaError {
            KuklaError(
                .badData, SectionReader.damaged(collection.url, section, what).message, cause: cause)
        }
        let details: Details
        do { details = try JSONDecoder().decode(Details.self, from: Data(json)) } catch {
            throw damaged(Name.details, "it is not the JSON that this version expects", cause: error)
        }
        guard (1...1 << 20).contains(details.dimensions), details.candidates >= 1,
            details.metric != .squaredEuclidean
        else { throw damaged(Name.details, "its numbers are out of range") }
        let encoder: FixedDimensionalEncoder
        do {
            encoder = try FixedDimensionalEncoder(
                FixedDimensionalEncoding(parsing: details.encoding), inputDimensions: details.dimensions)
        } catch { throw damaged(Name.details, "it describes no encoding", cause: error) }
        guard encoder.dimensions == collection.details.dimensions, collection.details.metric == .innerProduct
        else { throw damaged(Name.details, "its encodings are others than those of the collection") }
        guard collection.index.idBound == collection.details.count else {
            throw damaged(Name.details, "its index gives ids that are no documents")
        }
        guard let places = collection.bytes(of: Name.offsets),
            places.count == (collection.details.count + 1) * 8
        else { throw damaged(Name.offsets, "it does not hold \(collection.details.count + 1) numbers") }
        guard let vectors = collection.bytes(of: Name.vectors), vectors.count % (4 * details.dimensions) == 0
        else { throw damaged(Name.vectors, "it does not hold vectors of \(details.dimensions) components") }
        let offsets = (0...collection.details.count).map {
            Int(truncatingIfNeeded: places.littleEndian(UInt64.self, at: $0 * 8))
        }
        if let fault = VectorSets.fault(in: offsets, rows: vectors.count / (4 * details.dimensions)) {
            throw damaged(Name.offsets, fault)
        }
        index = MultiVectorIndex(
            encoder: encoder, metric: details.metric, candidates: details.candidates, inner: collection.index,
            offsets: offsets, vectors: CodeBuffer(borrowing: vectors, from: collection))
    }

    /// As the index's search, with the names and texts of what was found.
    public func search(
        _ queries: VectorSets, count k: Int, candidates: Int? = nil, allowing allowed: RowSet? = nil,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [[CollectionFile.Hit]] {
        try collection.hits(
            index.search(queries, count: k, candidates: candidates, allowing: allowed, threads: threads))
    }
}

/// Writes a multi-vector file in a stream: documents are encoded as they arrive and never held together.
///
///     let empty = try MultiVectorConfiguration(parsing: "FDE20x5x16,SQ8").train(on: sample, metric: .cosine)
///     let writer = try MultiVectorWriter(url, index: empty)
///     while let chunk = try reader.next() { try writer.append(chunk.sets, texts: chunk.texts) }
///     try writer.finish()
public final class MultiVectorWriter {
    private let index: MultiVectorIndex
    private let encodings: CollectionWriter
    private let vectors: SpoolFile
    private let offsets: SpoolFile
    private let threads: Int
    private var vectorCount = 0

    /// Starts a file that will be `url`.
    ///
    /// - Throws: `KuklaError` (`missingFile` where the folder is not there, `inputOutput`).
    /// - Precondition: `index` has no documents.
    public init(
        _ url: URL, index: MultiVectorIndex, origin: CollectionDetails.Origin = .init(),
        threads: Int = defaultThreadCount
    ) throws(KuklaError) {
        contract(index.count == 0, "MultiVectorWriter: an index of \(index.count) documents")
        self.index = index
        self.threads = threads
        encodings = try CollectionWriter(
            url, index: index.inner, origin: origin, threads: threads)
        vectors = try SpoolFile(beside: url)
        offsets = try SpoolFile(beside: url)
        try offsets.append(littleEndian: 0)
    }

    /// Adds `documents`, with a name and a text for each where the collection has them.
    ///
    /// - Throws: as `CollectionWriter.append`, and where the dimensions are others.
    /// - Precondition: as many ids and texts as documents.
    public func append(
        _ documents: VectorSets, ids: [ItemID]? = nil, texts: [String]? = nil
    ) throws(KuklaError) {
        contract(
            (ids?.count ?? documents.count, texts?.count ?? documents.count) == (
                documents.count, documents.count
            ),
            "append: \(ids?.count ?? 0) ids and \(texts?.count ?? 0) texts for \(documents.count) documents")
        let added = try index.checked(documents, firstRow: vectorCount, threads: threads)
        try index.encoder.forEachPart(of: added, threads: threads) { (encoded, range) throws(KuklaError) in
            try encodings.append(
                encoded, ids: ids.map { Array($0[range]) }, texts: texts.map { Array($0[range]) })
        }
        try added.vectors.withUnsafeBufferPointer { all throws(KuklaError) in
            try vectors.append(UnsafeRawBufferPointer(all))
        }
        for end in added.offsets.dropFirst() { try offsets.append(littleEndian: UInt64(vectorCount + end)) }
        vectorCount += added.vectors.rows
    }

    /// Completes the file and gives it its name.
    ///
    /// - Throws: `KuklaError(.inputOutput)`; an older file of that name is then still there.
    public func finish() throws(KuklaError) {
        let details = MultiVectorFile.Details(
            encoding: "\(index.encoder.configuration)", candidates: index.candidates,
            dimensions: index.dimensions, metric: index.metric)
        let json: Data
        do { json = try JSONEncoder().encode(details) } catch {
            throw KuklaError(
                .badData, "Cannot write the details of a multi-vector index as JSON.", cause: error)
        }
        try encodings.finish { sections throws(KuklaError) in
            try sections.write(MultiVectorFile.Name.vectors, vectors)
            try sections.write(MultiVectorFile.Name.offsets, offsets)
            try sections.write(MultiVectorFile.Name.details, Array(json))
        }
    }
}
