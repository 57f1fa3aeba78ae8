import KuklaCodecs
import KuklaNumerics

/// Finds the neighbours of new nodes that are linked together: each looks in the graph as it was before the batch, and
/// among the nodes of the batch before it. What it finds does not depend on threads.
struct GraphBatch: @unchecked Sendable {  // memory that nobody writes meanwhile
    let configuration: HNSWConfiguration
    let layers: [GraphLayerView]
    /// Layers that had nodes before the batch.
    let oldLayers: Int
    /// The codec that the graph is built by, and its codes.
    let codec: any VectorCodec
    let codes: UnsafeRawPointer
    let selection: NeighbourSelection
    /// The new vectors, as the index takes them.
    let vectors: Matrix
    let firstSlot: UInt32
    /// The numbers of each new node on its layers, the lowest first.
    let numbers: [[UInt32]]

    /// The numbers of the neighbours of new node `index` on each of its layers, the lowest first.
    func neighbours(of index: Int, walker: GraphWalker) -> [[UInt32]] {
        let scorer = codec.randomAccessScorer(for: vectors[rows: index..<index + 1])
        let level = numbers[index].count - 1
        var found = [[UInt32]](repeating: [], count: level + 1)
        var start: UInt32 = 0
        for layer in stride(from: max(level, oldLayers - 1), through: 0, by: -1) {
            let view = layers[layer]
            let isLinked = layer <= level
            if layer < oldLayers {
                walker.walk(
                    view, from: start, width: isLinked ? configuration.efConstruction : 1, scorer: scorer,
                    codes: codes)
                start = view.below(walker.beam[0].node)
            } else {
                walker.beam.reset(capacity: configuration.efConstruction)
            }
            guard isLinked else { continue }
            let earlier = earlier(than: index, on: layer)
            walker.offer(earlier.count, of: view, scorer: scorer, codes: codes) { earlier[$0] }
            let candidates = (0..<walker.beam.count).map { walker.beam[$0].node }
            let chosen = selection.choose(
                configuration.links, of: candidates.map { view.slot(of: $0) }, for: firstSlot + UInt32(index),
                codes: codes)
            found[layer] = chosen.map { candidates[$0] }
        }
        return found
    }

    /// The numbers on `layer` of the nodes of the batch before `index`.
    private func earlier(than index: Int, on layer: Int) -> [UInt32] {
        if layer == 0 { return (0..<UInt32(index)).map { firstSlot + $0 } }
        return numbers[..<index].compactMap { $0.count > layer ? $0[layer] : nil }
    }
}

extension GraphWalker {
    /// Scores `count` nodes and offers them to the beam.
    ///
    /// - Parameter node: the node at a place. (A collection would be generic, and iterated element by element through its witnesses.)
    func offer(
        _ count: Int, of layer: GraphLayerView, scorer: some RandomAccessScorer, codes: UnsafeRawPointer,
        node: (Int) -> UInt32
    ) {
        for start in stride(from: 0, to: count, by: Self.pieceSize) {
            let size = min(Self.pieceSize, count - start)
            for i in 0..<size { nodes[i] = node(start + i) }
            score(size, layer, scorer, codes)
        }
    }
}
