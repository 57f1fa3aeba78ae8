public import Foundation
public import KuklaNumerics

extension CollectionFile {
    /// Writes the collection to `output` with a graph built anew from the stored codes; everything else stays.
    ///
    /// For a file of which the graph is damaged, opened with `ignoresGraph`. The graph is that of a build from the decoded
    /// vectors: the same as the first where codes are exact.
    /// - Returns: the vectors written.
    /// - Throws: `KuklaError`: `usage` where the collection has no graph; as reading and writing do.
    public func rebuild(
        to output: URL, threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> Int {
        guard case .graph(let graph) = details.factory.structure else {
            throw KuklaError(
                .usage, "Cannot build the graph of \(url.path) anew: '\(details.factory)' has none.")
        }
        let empty = try HNSWIndex(graph, codec: index.codec, refinement: index.refinement)
        let writer = try CollectionWriter(
            output, index: empty, origin: details.origin, plan: plan, threads: threads)
        progress.begin("Linking", total: index.count, unit: "vectors")
        defer { progress.end() }
        for start in stride(from: 0, to: index.count, by: 16_384) {
            let places = start..<min(start + 16_384, index.count)
            var (ids, texts): ([ItemID], [String]) = ([], [])
            for place in places {
                if hasNames { ids.append(try id(of: index.id(at: place))) }
                if let text = try text(of: index.id(at: place)) { texts.append(text) }
            }
            try writer.append(
                index.vectors(places), ids: hasNames ? ids : nil, texts: hasTexts ? texts : nil)
            progress.advance(by: places.count)
        }
        if let effort = details.effort {
            try writer.withApproximateIndex { index throws(KuklaError) in index.effort = effort }
        }
        try writer.finish()
        return index.count
    }
}
