public import Foundation
public import KuklaNumerics

extension CollectionFile {
    /// Writes the collection to `output` with a graph built anew over the stored codes, or over the centres of lists; every
    /// other section is copied.
    ///
    /// For a file of which the graph is damaged, opened with `ignoresGraph`. The ids of the vectors (`graph-ids`, where they
    /// differ from their places) must be whole, or nobody could say which names are whose. Vectors are compared as they
    /// were decoded: the graph is the same as the first where codes are exact and the first was built in one call.
    /// - Returns: the vectors in the collection.
    /// - Throws: `KuklaError`: `usage` where the collection has no graph; `badData` where the ids are damaged; as writing does.
    public func rebuild(
        to output: URL, threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Int {
        let rebuilt = try rebuilt(threads: threads, progress: progress)
        let writer = try CollectionWriter(
            output, index: rebuilt, origin: details.origin, plan: plan, threads: threads)
        typealias Name = CollectionFormat.Name
        // What the writer makes itself.
        let own: Set = [
            Name.codes, Name.refineCodes, Name.graph, Name.graphLinks, Name.graphUpper, Name.graphIDs,
            Name.lists, Name.listIDs, Name.listCenters, Name.parameters, Name.plan, Name.details,
        ]
        try writer.finish { sections throws(KuklaError) in
            for section in self.sections where !own.contains(section.name) {
                guard let whole = intactBytes(of: section.name) else {
                    throw SectionReader.damaged(
                        url, section.name, "its checksum is another than the file states")
                }
                try sections.begin(section.name)
                try sections.append(whole)
                sections.end()
            }
        }
        return rebuilt.count
    }

    /// The index with a graph built anew.
    private func rebuilt(threads: Int, progress: any ProgressReporter) throws(KuklaError) -> any CodedIndex {
        typealias Name = CollectionFormat.Name
        if var lists = index as? IVFIndex, let links = lists.lists.centerLinks {
            lists.clusters = try lists.clusters.linked(links, seed: 1, threads: threads)
            return lists
        }
        guard case .graph(let configuration) = details.factory.structure else {
            throw KuklaError(
                .usage, "Cannot build the graph of \(url.path) anew: '\(details.factory)' has none.")
        }
        // Small, and not needed to read the vectors: what is damaged in it has a default.
        let header = intactBytes(of: Name.graph).flatMap { $0.count >= 16 ? $0 : nil }
        var slotIDs: CodeBuffer?
        if bytes(of: Name.graphIDs) != nil {
            guard let found = intactBytes(of: Name.graphIDs), found.count == 4 * index.count,
                found.bindMemory(to: UInt32.self).allSatisfy({ $0 < UInt32(rowCount) })
            else {
                throw SectionReader.damaged(
                    url, Name.graphIDs, "and without it nobody knows which names belong to which vectors")
            }
            slotIDs = CodeBuffer(borrowing: found, from: self)
        }
        return try HNSWIndex(
            configuration, relinking: index, seed: header?.littleEndian(UInt64.self, at: 0) ?? 1,
            ids: slotIDs, idBound: rowCount, effort: details.effort, threads: threads, progress: progress)
    }

    private func intactBytes(of name: String) -> UnsafeRawBufferPointer? {
        sections.first { $0.name == name }.flatMap { isIntact($0) ? bytes(of: name) : nil }
    }
}

extension HNSWIndex {
    /// A graph built anew over the codes of `other`, place by place.
    fileprivate init(
        _ graph: HNSWConfiguration, relinking other: any CodedIndex, seed: UInt64, ids: CodeBuffer?,
        idBound: Int,
        effort: Int?, threads: Int, progress: any ProgressReporter
    ) throws(KuklaError) {
        try self.init(graph, codec: other.codec, refinement: other.refinement, seed: seed)
        if let flat = other as? FlatIndex { (codes, refineCodes) = (flat.codes, flat.refineCodes) }
        if let whole = other as? HNSWIndex { (codes, refineCodes) = (whole.codes, whole.refineCodes) }
        self.ids = ids
        if let effort { self.effort = max(1, effort) }
        link(other.count, threads: threads, progress: progress) { other.vectors($0) }
        self.idBound = max(idBound, count)
    }
}
