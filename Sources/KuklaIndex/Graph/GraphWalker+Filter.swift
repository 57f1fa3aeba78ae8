import KuklaCodecs

extension GraphWalker {
    /// As `walk` over the lowest layer, but only nodes that the filter allows are scored and found.
    ///
    /// Goes from a node to its allowed neighbours, and through the others to theirs: a graph of allowed nodes, made as it
    /// is needed, that stays connected where few are allowed (the idea of Patel et al. 2024, "ACORN: Performant and
    /// Predicate-Agnostic Search Over Vector Embeddings and Structured Data", arXiv:2403.04871).
    func filteredWalk(
        _ layer: GraphLayerView, from start: UInt32, width: Int, allowing test: SlotTest,
        scorer: some RandomAccessScorer, codes: UnsafeRawPointer
    ) {
        begin(count: layer.count)
        beam.reset(capacity: width)
        // To the first allowed nodes around the start, through all others.
        var waiting = [start]
        var position = 0
        mark(start)
        var seeds: [UInt32] = test.allows(start) ? [start] : []
        while seeds.count < layer.width, position < waiting.count {
            for next in layer.neighbours(of: waiting[position]) where !isMarked(next) {
                mark(next)
                if test.allows(next) { seeds.append(next) } else { waiting.append(next) }
            }
            position += 1
        }
        offer(seeds.count, of: layer, scorer: scorer, codes: codes) { seeds[$0] }
        while let node = beam.next() {
            var (found, met) = (0, 0)
            var around: [UInt32] = []
            func visit(_ next: UInt32) {
                met += 1
                guard !isMarked(next) else { return }
                mark(next)
                nodes[found] = next
                found += 1
            }
            for next in layer.neighbours(of: node) {
                if test.allows(next) { visit(next) } else if !isMarked(next) { around.append(next) }
            }
            // A node has enough neighbours when it has as many as it would have in a graph of the allowed ones.
            for middle in around where met < layer.width {
                mark(middle)
                for next in layer.neighbours(of: middle) where test.allows(next) { visit(next) }
            }
            score(found, layer, scorer, codes)
        }
    }
}
