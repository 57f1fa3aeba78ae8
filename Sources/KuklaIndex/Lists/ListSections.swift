import KuklaCodecs
import KuklaNumerics

/// How lists lie in a collection file; `docs/collection-format.md` has every byte.
extension IVFIndex: SectionedIndex {
    func write(to sections: SectionWriter) throws(KuklaError) {
        try sections.begin(CollectionFormat.Name.codes)
        for list in codes {
            try list.codes.withUnsafeBytes { bytes throws(KuklaError) in try sections.append(bytes) }
        }
        sections.end()
        if refinement != nil { try sections.write(CollectionFormat.Name.refineCodes, refineCodes.all) }
        var sizes: [UInt8] = []
        for list in codes { sizes.append(littleEndian: UInt64(list.count)) }
        if ids != nil { sizes.append(littleEndian: UInt64(idBound)) }
        try sections.write(CollectionFormat.Name.lists, sizes)
        var named = CodeBuffer()
        for slots in slots { named.append(slots.numbers.map { UInt32(id(of: $0)) }) }
        try sections.write(CollectionFormat.Name.listIDs, named)
        try sections.begin(CollectionFormat.Name.listCenters)
        try clusters.centers.withUnsafeBufferPointer { floats throws(KuklaError) in
            try sections.append(UnsafeRawBufferPointer(floats))
        }
        sections.end()
        try clusters.graph?.writeLinks(to: sections)
    }

    func problem() -> (section: String, what: String)? {
        var seen = RowSet(capacity: count)
        for slots in slots {
            for slot in slots.numbers {
                if seen.contains(Int(slot)) {
                    return (CollectionFormat.Name.listIDs, "two vectors have the id \(id(of: slot))")
                }
                seen.insert(Int(slot))
            }
        }
        return clusters.graph?.problem()
    }
}

extension SectionReader {
    /// The lists that the file holds, with codes and ids in place. The codes lie list by list, so that they cannot be
    /// read without the lengths of the lists.
    func lists(_ lists: IVFConfiguration, details: CollectionDetails, codecs: Codecs) throws -> IVFIndex {
        let name = CollectionFormat.Name.lists
        let header = try required(name)
        let count = lists.count
        guard header.count == count * 8 || header.count == (count + 1) * 8 else {
            throw damaged(name, "it does not hold the lengths of \(count) lists")
        }
        let numbers = stride(from: 0, to: header.count, by: 8).map {
            Int(clamping: header.littleEndian(UInt64.self, at: $0))
        }
        let lengths = numbers.prefix(count)
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
            lists, try clusters(lists, details), codec: codecs.codec, refinement: codecs.refinement)
        index.count = total
        index.idBound = numbers.count > count ? numbers[count] : total
        guard (total...HNSWIndex.capacity).contains(index.idBound) else {
            throw damaged(name, "it does not say how many ids were given")
        }
        let layout = codecs.codec.layout
        let bytes = lengths.reduce(0) { $0 + layout.byteCount(of: $1) }
        let codes = try buffer(CollectionFormat.Name.codes, count: bytes)
        let ids = try buffer(CollectionFormat.Name.listIDs, count: total * 4)
        if let id = ids.numbers.first(where: { $0 >= index.idBound }) {
            throw damaged(CollectionFormat.Name.listIDs, "\(id) is the id of no vector")
        }
        let slots = numbers.count > count ? index.name(ids) : ids
        var (byte, row) = (0, 0)
        for (list, length) in lengths.enumerated() {
            let end = byte + layout.byteCount(of: length)
            index.codes[list] = FlatIndex(
                codec: codecs.codec, refinement: nil, count: length, codes: codes.part(byte..<end),
                refineCodes: FineCodes())
            index.slots[list] = slots.part(row * 4..<(row + length) * 4)
            (byte, row) = (end, row + length)
        }
        index.refineCodes = try fineCodes(codecs.refinement, count: total)
        return index
    }

    private func clusters(
        _ lists: IVFConfiguration, _ details: CollectionDetails
    ) throws -> CoarseClusters {
        let name = CollectionFormat.Name.listCenters
        let bytes = try buffer(name, count: lists.count * details.dimensions * 4)
        let floats = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        guard floats.allSatisfy(\.isFinite) else { throw damaged(name, "a component is not a number") }
        var clusters = CoarseClusters(
            centers: Matrix(rows: lists.count, columns: details.dimensions, elements: floats),
            metric: details.metric)
        if let links = lists.centerLinks, !ignoresGraph {
            let codec = FloatCodec(metric: details.metric, dimensions: details.dimensions)
            let graph = try graph(
                HNSWConfiguration(links: links),
                over: FlatIndex(
                    codec: codec, refinement: nil, count: lists.count, codes: bytes,
                    refineCodes: FineCodes()))
            guard graph.idBound == lists.count, graph.ids == nil else {
                throw damaged(CollectionFormat.Name.graph, "it is not one of \(lists.count) centres")
            }
            clusters.graph = graph
        }
        return clusters
    }
}

extension IVFIndex {
    /// Numbers the vectors of these ids in the order of ids; returns their numbers.
    fileprivate mutating func name(_ given: CodeBuffer) -> CodeBuffer {
        let sorted = given.numbers.sorted()
        var names = CodeBuffer()
        names.append(sorted)
        ids = names
        var slots = CodeBuffer()
        slots.append(
            given.numbers.map { id in
                var (low, high) = (0, sorted.count)
                while low < high {
                    let middle = (low + high) / 2
                    if sorted[middle] < id { low = middle + 1 } else { high = middle }
                }
                return UInt32(low)
            })
        return slots
    }
}
