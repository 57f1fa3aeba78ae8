import KuklaCodecs
import KuklaNumerics

/// How lists lie in a collection file; `docs/collection-format.md` has every byte.
extension IVFIndex: SectionedIndex {
    func write(to sections: SectionWriter) throws(KuklaError) {
        try sections.begin(CollectionFormat.Name.codes)
        for list in lists {
            try list.codes.withUnsafeBytes { bytes throws(KuklaError) in try sections.append(bytes) }
        }
        sections.end()
        if refinement != nil { try sections.write(CollectionFormat.Name.refineCodes, refineCodes) }
        var sizes: [UInt8] = []
        for list in lists { sizes.append(littleEndian: UInt64(list.count)) }
        try sections.write(CollectionFormat.Name.lists, sizes)
        try sections.begin(CollectionFormat.Name.listIDs)
        for ids in ids {
            try ids.withUnsafeBytes { bytes throws(KuklaError) in try sections.append(bytes) }
        }
        sections.end()
        try sections.begin(CollectionFormat.Name.listCenters)
        try clusters.centers.withUnsafeBufferPointer { floats throws(KuklaError) in
            try sections.append(UnsafeRawBufferPointer(floats))
        }
        sections.end()
    }

    func problem() -> (section: String, what: String)? {
        var seen = RowSet(capacity: count)
        for ids in ids {
            for id in ids.numbers {
                if seen.contains(Int(id)) {
                    return (CollectionFormat.Name.listIDs, "two vectors have the id \(id)")
                }
                seen.insert(Int(id))
            }
        }
        return nil
    }
}

extension SectionReader {
    /// The lists that the file holds, with codes and ids in place. The codes lie list by list, so that they cannot be
    /// read without the lengths of the lists.
    func lists(_ count: Int, details: CollectionDetails, codecs: Codecs) throws -> IVFIndex {
        let name = CollectionFormat.Name.lists
        let header = try required(name)
        guard header.count == count * 8 else {
            throw damaged(name, "it does not hold the lengths of \(count) lists")
        }
        let lengths = stride(from: 0, to: header.count, by: 8).map {
            Int(clamping: header.littleEndian(UInt64.self, at: $0))
        }
        var total = 0
        for length in lengths {
            guard length <= details.count - total else {
                throw damaged(name, "its lists are longer than \(details.count) vectors together")
            }
            total += length
        }
        guard total == details.count, total <= HNSWIndex.capacity else {
            throw damaged(name, "its lists hold \(total) vectors, not \(details.count)")
        }
        var index = IVFIndex(
            try centers(count, details), codec: codecs.codec, refinement: codecs.refinement)
        index.count = details.count
        let layout = codecs.codec.layout
        let bytes = lengths.reduce(0) { $0 + layout.byteCount(of: $1) }
        let codes = try buffer(CollectionFormat.Name.codes, count: bytes)
        let ids = try buffer(CollectionFormat.Name.listIDs, count: total * 4)
        var (byte, row) = (0, 0)
        for (list, length) in lengths.enumerated() {
            let end = byte + layout.byteCount(of: length)
            index.lists[list] = FlatIndex(
                codec: codecs.codec, refinement: nil, count: length, codes: codes.part(byte..<end),
                refineCodes: CodeBuffer())
            index.ids[list] = ids.part(row * 4..<(row + length) * 4)
            (byte, row) = (end, row + length)
        }
        if let id = ids.numbers.first(where: { $0 >= total }) {
            throw damaged(CollectionFormat.Name.listIDs, "\(id) is the id of no vector")
        }
        if let refinement = codecs.refinement {
            index.refineCodes = try self.codes(
                CollectionFormat.Name.refineCodes, refinement.codec.layout, count: details.count)
        }
        return index
    }

    private func centers(_ count: Int, _ details: CollectionDetails) throws(KuklaError) -> CoarseClusters {
        let name = CollectionFormat.Name.listCenters
        let bytes = try required(name)
        guard bytes.count == count * details.dimensions * 4 else {
            throw damaged(name, "it does not hold \(count) centres of \(details.dimensions) dimensions")
        }
        let floats = bytes.bindMemory(to: Float.self)
        guard floats.allSatisfy(\.isFinite) else { throw damaged(name, "a component is not a number") }
        return CoarseClusters(
            centers: Matrix(rows: count, columns: details.dimensions, elements: Array(floats)),
            metric: details.metric)
    }
}
