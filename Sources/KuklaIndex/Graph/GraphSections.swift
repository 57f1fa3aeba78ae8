import KuklaCodecs
import KuklaNumerics

/// How a graph lies in a collection file; `docs/collection-format.md` has every byte.
extension HNSWIndex: SectionedIndex {
    func write(to sections: SectionWriter) throws(KuklaError) {
        try sections.write(CollectionFormat.Name.codes, codes)
        if refinement != nil { try sections.write(CollectionFormat.Name.refineCodes, refineCodes.all) }
        try writeLinks(to: sections)
    }

    /// Writes what is not codes.
    func writeLinks(to sections: SectionWriter) throws(KuklaError) {
        var header: [UInt8] = []
        header.append(littleEndian: seed)
        header.append(littleEndian: UInt64(idBound))
        for layer in layers { header.append(littleEndian: UInt64(layer.count)) }
        try sections.write(CollectionFormat.Name.graph, header)
        try sections.write(CollectionFormat.Name.graphLinks, layers[0].links)
        try sections.begin(CollectionFormat.Name.graphUpper)
        for layer in layers.dropFirst() {
            try layer.anchors.withUnsafeBytes { bytes throws(KuklaError) in try sections.append(bytes) }
            try layer.links.withUnsafeBytes { bytes throws(KuklaError) in try sections.append(bytes) }
        }
        sections.end()
        if let ids { try sections.write(CollectionFormat.Name.graphIDs, ids) }
    }

    func problem() -> (section: String, what: String)? {
        if let ids {
            let all = ids.withUnsafeBytes { $0.bindMemory(to: UInt32.self).sorted() }
            if let (id, _) = zip(all, all.dropFirst()).first(where: { $0 == $1 }) {
                return (CollectionFormat.Name.graphIDs, "two vectors have the id \(id)")
            }
        }
        for (number, layer) in layers.enumerated() {
            let view = layer.view
            for node in 0..<view.count {
                let list = UnsafeBufferPointer(start: view.links + node * view.width, count: view.width)
                let neighbours = view.neighbours(of: UInt32(node)).count
                if list[neighbours...].contains(where: { $0 != GraphLayer.none }) {
                    return (
                        number == 0 ? CollectionFormat.Name.graphLinks : CollectionFormat.Name.graphUpper,
                        "node \(node) of layer \(number) has a link to a node that is not there"
                    )
                }
            }
        }
        return nil
    }
}

extension SectionReader {
    /// The graph over the codes of `flat`, with its links in place.
    ///
    /// Links are not looked at here but by each walk and by `verify`; everything else is.
    func graph(_ graph: HNSWConfiguration, over flat: FlatIndex) throws -> HNSWIndex {
        let name = CollectionFormat.Name.graph
        let header = try required(name)
        guard header.count % 8 == 0, (24...16 + 64 * 8).contains(header.count) else {
            throw damaged(name, "it has \(header.count) bytes, which are no list of layers")
        }
        var index = try HNSWIndex(
            graph, codec: flat.codec, refinement: flat.refinement,
            seed: header.littleEndian(UInt64.self, at: 0))
        guard let idBound = Int(exactly: header.littleEndian(UInt64.self, at: 8)), idBound >= flat.count,
            idBound < Int(UInt32.max)
        else { throw damaged(name, "it does not say how many ids were given") }
        let counts = stride(from: 16, to: header.count, by: 8).map {
            Int(clamping: header.littleEndian(UInt64.self, at: $0))
        }
        guard counts[0] == flat.count, flat.count <= HNSWIndex.capacity,
            zip(counts, counts.dropFirst()).allSatisfy({ $0 >= $1 }), counts.count == 1 || counts.last! > 0
        else { throw damaged(name, "its layers do not have the nodes of \(flat.count) vectors") }
        index.layers = [
            GraphLayer(
                width: graph.lowestLinks, count: flat.count,
                links: try buffer(
                    CollectionFormat.Name.graphLinks, count: flat.count * graph.lowestLinks * 4),
                anchors: CodeBuffer())
        ]
        index.layers += try upperLayers(graph, counts: counts)
        index.count = flat.count
        index.idBound = idBound
        index.codes = flat.codes
        index.refineCodes = flat.refineCodes
        index.ids = try ids(count: flat.count, bound: idBound)
        return index
    }

    private func upperLayers(_ graph: HNSWConfiguration, counts: [Int]) throws(KuklaError) -> [GraphLayer] {
        let name = CollectionFormat.Name.graphUpper
        let nodeBytes = 8 + graph.links * 4
        let all = try buffer(name, count: counts.dropFirst().reduce(0, +) * nodeBytes)
        var layers: [GraphLayer] = []
        var offset = 0
        for (below, count) in zip(counts, counts.dropFirst()) {
            let anchors = all.part(offset..<offset + count * 8)
            let links = all.part(offset + count * 8..<offset + count * nodeBytes)
            offset += count * nodeBytes
            let layer = GraphLayer(width: graph.links, count: count, links: links, anchors: anchors)
            let view = layer.view
            for node in 0..<UInt32(count) {
                guard view.slot(of: node) < counts[0], view.below(node) < below else {
                    throw damaged(name, "node \(node) of layer \(layers.count + 1) stands above none")
                }
            }
            layers.append(layer)
        }
        return layers
    }

    /// The ids of the slots; `nil` where they are the same.
    private func ids(count: Int, bound: Int) throws(KuklaError) -> CodeBuffer? {
        let name = CollectionFormat.Name.graphIDs
        guard bytes(of: name) != nil else {
            guard count == bound else { throw damaged(name, "it is missing") }
            return nil
        }
        let ids = try buffer(name, count: count * 4)
        for slot in 0..<count {
            guard ids.base.load(fromByteOffset: slot * 4, as: UInt32.self) < bound else {
                throw damaged(name, "slot \(slot) has an id that was not given")
            }
        }
        return ids
    }
}

extension SectionWriter {
    func write(_ name: String, _ buffer: CodeBuffer) throws(KuklaError) {
        try begin(name)
        try buffer.withUnsafeBytes { bytes throws(KuklaError) in try append(bytes) }
        end()
    }
}
