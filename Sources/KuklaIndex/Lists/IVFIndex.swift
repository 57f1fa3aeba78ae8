public import KuklaCodecs
public import KuklaNumerics

/// An index that sorts vectors into lists around centres and looks through the lists nearest to a query: inverted
/// files.
///
/// *Source:* Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search",
/// doi:10.1109/TPAMI.2010.57, section IV; codes are of the vectors, or of their differences from the centres
/// (`IVFConfiguration.codesResiduals`).
///
/// A search is approximate: `effort` (nprobe, the number of lists) trades time for recall. It looks through further lists
/// where those hold fewer than `k` allowed vectors.
///
/// Memory: the codes, 4 bytes for the id of each vector, and the centres. Search: O(lists + effort * count / lists).
/// Made by `IndexConfiguration.makeIndex`.
public struct IVFIndex: CodedIndex, ApproximateIndex {
    public let lists: IVFConfiguration
    /// Made for whole vectors or for residuals.
    public let codec: any VectorCodec
    public let refinement: FlatIndex.Refinement?
    public var effort = Self.defaultEffort
    public var comparisonCounter: ComparisonCounter?
    public internal(set) var count = 0
    /// Ids given so far: the next vector gets this one.
    public internal(set) var idBound = 0
    var clusters: CoarseClusters
    /// The codes of the vectors of each list.
    var codes: [FlatIndex]
    /// The slot of each vector of each list, UInt32, rising. Slots number the vectors that are there in the order of their ids.
    var slots: [CodeBuffer]
    /// The id of the vector in each slot, `[count]` of UInt32; `nil` while they are the same.
    var ids: CodeBuffer?
    /// In the order of slots.
    var refineCodes: FineCodes
    /// Vectors that the centres were trained on, where known: balanced lists have their share of so many from the start.
    let trainedOn: Int

    public static let defaultEffort = 8

    public var dimensions: Int { codec.dimensions }
    public var metric: Metric { clusters.metric }
    public var listCount: Int { lists.count }
    public var largestEffort: Int { listCount }
    public var configuration: IndexConfiguration {
        IndexConfiguration(structure: .lists(lists), codec: codec, refinement: refinement)
    }
    public var bytesPerVector: Double {
        codec.layout.bytesPerVector + (refinement?.bytesPerVector(inFile: false) ?? 0) + 4
    }

    /// The centres, and the rest of each list's last block of codes, are among them.
    public var fixedBytes: Int {
        let bytes = codes.reduce(0) { $0 + $1.codes.byteCount }
        return codecBytes + 4 * clusters.centers.rows * dimensions
            + bytes - Int(codec.layout.bytesPerVector * Double(count))
    }

    public var fileReads: ReadCounter? { refineCodes.reads }

    /// An index without vectors.
    init(
        _ lists: IVFConfiguration, _ clusters: CoarseClusters, codec: any VectorCodec,
        refinement: FlatIndex.Refinement?, trainedOn: Int = 0
    ) {
        contract(
            clusters.centers.rows == lists.count && clusters.centers.columns == codec.dimensions
                && refinement.map { $0.codec.dimensions == codec.dimensions } ?? true,
            "IVFIndex: centres or codecs of other dimensions")
        self.lists = lists
        self.clusters = clusters
        self.codec = codec
        self.refinement = refinement
        refineCodes = FineCodes(inFile: refinement?.isTiered ?? false)
        self.trainedOn = trainedOn
        codes = [FlatIndex](repeating: FlatIndex(codec: codec), count: lists.count)
        slots = [CodeBuffer](repeating: CodeBuffer(), count: lists.count)
    }

    /// The id of the vector in `slot`.
    @inline(__always)
    func id(of slot: UInt32) -> Int {
        guard let ids else { return Int(slot) }
        return Int(ids.numbers[Int(slot)])
    }

    public func id(at place: Int) -> Int { id(of: UInt32(place)) }

    public func vectors(_ places: Range<Int>) -> Matrix {
        contract(places.lowerBound >= 0 && places.upperBound <= count, "IVFIndex: rows \(places) of \(count)")
        if let refinement {
            let bytes = refinement.codec.layout.bytesPerBlock
            return refineCodes.all.withUnsafeBytes {
                refinement.codec.decode(
                    UnsafeRawBufferPointer(
                        rebasing: $0[places.lowerBound * bytes..<places.upperBound * bytes]),
                    count: places.count)
            }
        }
        var all = Matrix(rows: places.count, columns: dimensions)
        all.withUnsafeMutableBufferPointer { out in
            for (list, slots) in slots.enumerated() {
                for (place, slot) in slots.numbers.enumerated() where places.contains(Int(slot)) {
                    var vector = codes[list].vectors(place..<place + 1)
                    if lists.codesResiduals { vector = clusters.restored(vector, in: [list]) }
                    let start = (Int(slot) - places.lowerBound) * dimensions
                    vector.withUnsafeBufferPointer {
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
    /// - Throws: also `unsupported`, above 2^31 - 1 ids.
    public mutating func insert(_ vectors: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        try checkInsert(vectors)
        guard idBound + vectors.rows <= HNSWIndex.capacity else {
            throw KuklaError(
                .unsupported,
                "Cannot add \(vectors.rows) vectors to \(count): lists give at most \(HNSWIndex.capacity) ids. Divide the vectors among several indexes."
            )
        }
        guard vectors.rows > 0 else { return }
        let added = try vectors.prepared(for: metric, role: "vector", firstRow: idBound, threads: threads)
        let total = count + added.rows
        let nearest = clusters.nearest(
            to: added, sizes: codes.map(\.count), largest: lists.largestSize(among: max(total, trainedOn)),
            threads: threads)
        let coded = lists.codesResiduals ? clusters.residuals(of: added, in: nearest) : added
        var rows = [[Int]](repeating: [], count: listCount)
        for (row, list) in nearest.enumerated() { rows[list].append(row) }
        // First what may throw.
        if let refinement { try refineCodes.append(added, by: refinement.codec, threads: threads) }
        for (list, rows) in rows.enumerated() where !rows.isEmpty {
            try codes[list].insert(coded.gathering(rows: rows), threads: threads)
            slots[list].append(rows.map { UInt32(count + $0) })
        }
        ids?.append((0..<added.rows).map { UInt32(idBound + $0) })
        count = total
        idBound += added.rows
    }
}

extension IVFIndex: Removable {
    /// - Complexity: O(count), however many are removed: remove many at once.
    public mutating func remove(_ gone: some Sequence<Int>) -> Int {
        let gone = Set(gone)
        let kept = (0..<count).filter { !gone.contains(id(at: $0)) }
        let removed = count - kept.count
        guard removed > 0 else { return 0 }
        var numbers = [UInt32?](repeating: nil, count: count)
        for (number, slot) in kept.enumerated() { numbers[slot] = UInt32(number) }
        for list in codes.indices {
            let old = slots[list].numbers
            let places = old.indices.filter { numbers[Int(old[$0])] != nil }
            if places.count < old.count { codes[list] = codes[list].keeping(places) }
            var new = CodeBuffer()
            new.append(places.compactMap { numbers[Int(old[$0])] })
            slots[list] = new
        }
        var keptIDs = CodeBuffer()
        keptIDs.append(kept.map { UInt32(id(at: $0)) })
        ids = keptIDs
        if let refinement {
            refineCodes.compact(
                Renumbering(keeping: kept, of: count), bytesPerRow: refinement.codec.layout.bytesPerBlock)
        }
        count = kept.count
        return removed
    }
}

extension IVFIndex {
    /// How evenly vectors lie in lists.
    public struct Balance: Hashable, Sendable, Codable {
        public let lists: Int
        public let empty: Int
        public let largest: Int
        /// `lists * (sum of squared sizes) / count^2`: how much longer a scan of the list of a random vector is than one of
        /// the mean length. 1 where all are equal.
        public let imbalance: Double
    }

    public var balance: Balance {
        let sizes = codes.map(\.count)
        let squares = sizes.reduce(0.0) { $0 + Double($1) * Double($1) }
        return Balance(
            lists: listCount, empty: sizes.count { $0 == 0 }, largest: sizes.max() ?? 0,
            imbalance: count == 0 ? 1 : squares * Double(listCount) / (Double(count) * Double(count)))
    }
}

extension CodeBuffer {
    /// The bytes as numbers of 32 bits.
    var numbers: UnsafeBufferPointer<UInt32> {
        UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt32.self), count: byteCount / 4)
    }
}
