public import KuklaCodecs
public import KuklaNumerics

/// An index that sorts vectors into lists around centres and looks through the lists nearest to a query: inverted
/// files.
///
/// *Source:* Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search",
/// doi:10.1109/TPAMI.2010.57, section IV; codes here are of the vectors, not of their differences from the centres.
///
/// A search is approximate: `effort` (nprobe, the number of lists) trades time for recall. It looks through further lists
/// where those hold fewer than `k` allowed vectors.
///
/// Memory: the codes, 4 bytes for the id of each vector, and the centres. Search: O(lists + effort * count / lists).
public struct IVFIndex: CodedIndex, ApproximateIndex {
    public let codec: any VectorCodec
    public let refinement: FlatIndex.Refinement?
    public var effort = Self.defaultEffort
    public var comparisonCounter: ComparisonCounter?
    public internal(set) var count = 0
    let clusters: CoarseClusters
    /// The codes of the vectors of each list.
    var lists: [FlatIndex]
    /// The id of each vector of each list, UInt32, rising.
    var ids: [CodeBuffer]
    /// In the order of ids.
    var refineCodes = CodeBuffer()

    public static let defaultEffort = 8
    /// What the number of lists may be.
    public static let listRange = 1...65_536

    public var dimensions: Int { codec.dimensions }
    public var metric: Metric { codec.metric }
    public var listCount: Int { lists.count }
    public var largestEffort: Int { listCount }
    public var configuration: IndexConfiguration {
        IndexConfiguration(structure: .lists(listCount), codec: codec, refinement: refinement)
    }
    public var bytesPerVector: Double {
        codec.layout.bytesPerVector + (refinement?.codec.layout.bytesPerVector ?? 0) + 4
    }

    /// The centres, and the rest of each list's last block of codes, are among them.
    public var fixedBytes: Int {
        let codes = lists.reduce(0) { $0 + $1.codes.byteCount }
        return codecBytes + 4 * clusters.centers.rows * dimensions
            + codes - Int(codec.layout.bytesPerVector * Double(count))
    }

    /// An index without vectors, with centres trained on `sample`.
    ///
    /// - Throws: `KuklaError.badData` where there are fewer vectors than lists, or one cannot be used.
    /// - Precondition: codecs and sample have the same dimensions; `count` lies in `listRange`.
    public init(
        lists count: Int, codec: any VectorCodec, refinement: FlatIndex.Refinement? = nil, sample: Matrix,
        seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) {
        contract(Self.listRange.contains(count), "IVFIndex: \(count) lists")
        guard sample.rows >= count else {
            throw KuklaError(
                .badData,
                "Cannot train \(count) lists on \(sample.rows) vectors: at least \(count) are needed, and better 40 times as many. Give more vectors or use fewer lists."
            )
        }
        let prepared = try sample.prepared(for: codec.metric, role: "vector", threads: threads)
        self.init(
            CoarseClusters.train(
                count, on: prepared, metric: codec.metric, seed: seed, threads: threads, progress: progress),
            codec: codec, refinement: refinement)
    }

    init(_ clusters: CoarseClusters, codec: any VectorCodec, refinement: FlatIndex.Refinement?) {
        contract(
            clusters.centers.columns == codec.dimensions
                && refinement.map { $0.codec.dimensions == codec.dimensions } ?? true,
            "IVFIndex: centres or codecs of other dimensions")
        self.clusters = clusters
        self.codec = codec
        self.refinement = refinement
        lists = [FlatIndex](repeating: FlatIndex(codec: codec), count: clusters.centers.rows)
        ids = [CodeBuffer](repeating: CodeBuffer(), count: clusters.centers.rows)
    }

    public func vectors(_ places: Range<Int>) -> Matrix {
        contract(places.lowerBound >= 0 && places.upperBound <= count, "IVFIndex: rows \(places) of \(count)")
        if let refinement {
            let bytes = refinement.codec.layout.bytesPerBlock
            return refineCodes.withUnsafeBytes {
                refinement.codec.decode(
                    UnsafeRawBufferPointer(
                        rebasing: $0[places.lowerBound * bytes..<places.upperBound * bytes]),
                    count: places.count)
            }
        }
        var all = Matrix(rows: places.count, columns: dimensions)
        all.withUnsafeMutableBufferPointer { out in
            for (list, ids) in zip(lists, ids) {
                for (place, id) in ids.numbers.enumerated() where places.contains(Int(id)) {
                    let start = (Int(id) - places.lowerBound) * dimensions
                    list.vectors(place..<place + 1).withUnsafeBufferPointer {
                        _ = UnsafeMutableBufferPointer(rebasing: out[start..<start + dimensions]).update(
                            from: $0)
                    }
                }
            }
        }
        return all
    }
}

extension IVFIndex: Insertable {
    /// - Throws: also `unsupported`, as `FlatIndex.insert`, and above 2^31 - 1 vectors.
    public mutating func insert(_ vectors: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        try checkInsert(vectors)
        guard count + vectors.rows <= HNSWIndex.capacity else {
            throw KuklaError(
                .unsupported,
                "Cannot add \(vectors.rows) vectors to \(count): lists hold at most \(HNSWIndex.capacity). Divide the vectors among several indexes."
            )
        }
        guard vectors.rows > 0 else { return }
        let added = try vectors.prepared(for: metric, role: "vector", firstRow: count, threads: threads)
        let nearest = clusters.nearest(to: added, threads: threads)
        var rows = [[Int]](repeating: [], count: listCount)
        for (row, list) in nearest.enumerated() { rows[list].append(row) }
        // First what may throw, then in place: a list that is held twice would be copied whole.
        for (list, rows) in rows.enumerated() where !rows.isEmpty { _ = try lists[list].partialBlock() }
        for (list, rows) in rows.enumerated() where !rows.isEmpty {
            try lists[list].insert(added.gathering(rows: rows), threads: threads)
            ids[list].append(rows.map { UInt32(count + $0) })
        }
        if let refinement { refineCodes.append(added, by: refinement.codec, threads: threads) }
        count += added.rows
    }
}

extension CodeBuffer {
    /// The bytes as numbers of 32 bits.
    var numbers: UnsafeBufferPointer<UInt32> {
        UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt32.self), count: byteCount / 4)
    }
}
