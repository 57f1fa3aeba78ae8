import KuklaCodecs
public import KuklaNumerics

extension HNSWIndex: Insertable {
    /// Nodes that are linked together: enough to keep threads busy, few enough that looking at all of them costs little
    /// beside a walk.
    private static let batchSize = 256
    /// Slots that fit the keys of a beam.
    static let capacity = Int(Int32.max)

    /// Adds the rows of `vectors` under the next ids. The graph does not depend on `threads`.
    ///
    /// - Throws: also `unsupported`, above 2^31 - 1 vectors or 2^32 - 1 ids.
    public mutating func insert(_ vectors: Matrix, threads: Int = defaultThreadCount) throws(KuklaError) {
        try insert(vectors, threads: threads, progress: SilentProgress())
    }

    /// As `insert(_:threads:)`, in another order than that of the ids, and tells how far it is.
    ///
    /// - Complexity: by local dimension also O(vectors.rows^2 * dimensions).
    public mutating func insert(
        _ vectors: Matrix, order: InsertionOrder = .given, threads: Int = defaultThreadCount,
        progress: any ProgressReporter
    ) throws(KuklaError) {
        try checkInsert(vectors)
        guard count + vectors.rows <= Self.capacity, idBound + vectors.rows < Int(UInt32.max) else {
            throw KuklaError(
                .unsupported,
                "Cannot add \(vectors.rows) vectors to \(count): a graph holds at most \(Self.capacity). Divide the vectors among several indexes."
            )
        }
        guard vectors.rows > 0 else { return }
        var added = try vectors.prepared(for: metric, role: "vector", firstRow: idBound, threads: threads)
        let rows = try order.rows(of: added, metric: metric, threads: threads)
        if let rows { added = added.gathering(rows: rows) }
        if let refinement { try refineCodes.append(added, by: refinement.codec, threads: threads) }
        if let rows {
            nameSlots()
            ids?.append(rows.map { UInt32(idBound + $0) })
        } else {
            ids?.append((0..<added.rows).map { UInt32(idBound + $0) })
        }
        codes.append(added, by: codec, threads: threads)
        link(added.rows, threads: threads, progress: progress) { added[rows: $0] }
    }

    /// Links `added` nodes, whose codes and ids are there already; `vectors` gives those of a range of them.
    mutating func link(
        _ added: Int, threads: Int, progress: any ProgressReporter, vectors: (Range<Int>) -> Matrix
    ) {
        progress.begin("Linking", total: added, unit: "vectors")
        for start in stride(from: 0, to: added, by: Self.batchSize) {
            let batch = start..<min(start + Self.batchSize, added)
            link(vectors(batch), threads: threads)
            progress.advance(by: batch.count)
        }
        // Some nodes lose all links to them when lists are chosen anew. To look for them takes a pass over all links.
        if 10 * added >= count { reconnect() }
        progress.end()
    }

    /// Keeps ids beside the slots from now on.
    mutating func nameSlots() {
        guard ids == nil else { return }
        ids = CodeBuffer()
        ids?.append(Array(0..<UInt32(count)))
    }

    /// Links nodes for `vectors`, whose codes and ids are there already, behind the last slot.
    private mutating func link(_ vectors: Matrix, threads: Int) {
        let firstSlot = UInt32(count)
        let oldLayers = count == 0 ? 0 : layers.count
        let numbers = addNodes(vectors.rows)
        let (codec, codes) = finest
        let selection = NeighbourSelection(codec: codec)
        let found = withExtendedLifetime(layers) {
            let batch = GraphBatch(
                configuration: graph, layers: layers.map(\.view), oldLayers: oldLayers, codec: codec,
                codes: codes.base, selection: selection, vectors: vectors, firstSlot: firstSlot,
                numbers: numbers)
            return parallelMap(vectors.rows, grain: 2, threads: threads) { [walkers] index in
                walkers.withWalker { batch.neighbours(of: index, walker: $0) }
            }
        }
        for layer in layers.indices {
            let new = numbers.indices.filter { numbers[$0].count > layer }
            layers[layer].link(
                new.map { (numbers[$0][layer], found[$0][layer]) }, selection: selection, codes: codes.base,
                threads: threads)
        }
        withExtendedLifetime(codes) {}
    }

    /// Adds `added` nodes without links; returns the numbers of each on its layers.
    private mutating func addNodes(_ added: Int) -> [[UInt32]] {
        layers[0].append(added)
        let numbers = (0..<added).map { index in
            var own = [UInt32(count + index)]
            let level = graph.level(of: id(of: UInt32(count + index)), seed: seed)
            for layer in 0..<level {
                if layer + 1 == layers.count { layers.append(GraphLayer(width: graph.links)) }
                layers[layer + 1].append(slot: own[0], below: own[layer])
                own.append(UInt32(layers[layer + 1].count - 1))
            }
            return own
        }
        count += added
        idBound += added
        return numbers
    }
}

extension GraphLayer {
    /// Writes the links of new nodes, and links back from their neighbours: a list that is full is chosen anew.
    mutating func link(
        _ new: [(node: UInt32, neighbours: [UInt32])], selection: NeighbourSelection, codes: UnsafeRawPointer,
        threads: Int
    ) {
        guard !new.isEmpty else { return }
        let old = view
        let back = new.flatMap { node, neighbours in
            // A twin stands first, and does not link back: twins form a ring.
            neighbours.dropFirst(old.hasTwin(node, first: neighbours, selection, codes) ? 1 : 0)
                .map { UInt64($0) << 32 | UInt64(node) }
        }.sorted()
        let starts = back.indices.filter { $0 == 0 || back[$0] >> 32 != back[$0 - 1] >> 32 }
        nonisolated(unsafe) let codes = codes
        withLinks { links in
            let view = GraphLayerView(links: links, width: old.width, count: old.count, anchors: old.anchors)
            for (node, neighbours) in new {
                Self.write(neighbours, to: links + Int(node) * view.width, width: view.width)
            }
            for (node, neighbours) in new where view.hasTwin(node, first: neighbours, selection, codes) {
                view.joinTwins(node, after: neighbours[0], links: links, selection, codes)
            }
            nonisolated(unsafe) let links = links  // every list is written by one block
            parallelFor(starts.count, grain: 16, threads: threads) { block in
                for group in block {
                    let end = group + 1 < starts.count ? starts[group + 1] : back.count
                    let target = UInt32(back[starts[group]] >> 32)
                    var list = Array(view.neighbours(of: target))
                    list += back[starts[group]..<end].map { UInt32(truncatingIfNeeded: $0) }
                    if list.count > view.width {
                        let chosen = selection.choose(
                            view.width, of: list.map { view.slot(of: $0) }, for: view.slot(of: target),
                            codes: codes)
                        list = chosen.map { list[$0] }
                    }
                    Self.write(list, to: links + Int(target) * view.width, width: view.width)
                }
            }
        }
    }

    /// Fills the `width` places of one node.
    static func write(_ list: [UInt32], to places: UnsafeMutablePointer<UInt32>, width: Int) {
        for i in 0..<width { places[i] = i < list.count ? list[i] : none }
    }
}

extension GraphLayerView {
    /// Whether the first of the neighbours chosen for `node` is a twin.
    fileprivate func hasTwin(
        _ node: UInt32, first neighbours: [UInt32], _ selection: NeighbourSelection, _ codes: UnsafeRawPointer
    ) -> Bool {
        neighbours.first.map { selection.areTwins(slot(of: $0), slot(of: node), codes: codes) } ?? false
    }

    /// Puts `node` into the ring of twins behind `twin`, which is its first link.
    fileprivate func joinTwins(
        _ node: UInt32, after twin: UInt32, links: UnsafeMutablePointer<UInt32>,
        _ selection: NeighbourSelection, _ codes: UnsafeRawPointer
    ) {
        let list = neighbours(of: twin)
        let places = links + Int(twin) * width
        if let next = list.firstIndex(where: {
            selection.areTwins(slot(of: $0), slot(of: twin), codes: codes)
        }) {
            links[Int(node) * width] = places[next]
            places[next] = node
        } else {
            // A ring of two. Where there is no room, the last link goes.
            places[min(list.count, width - 1)] = node
        }
    }
}

extension CodeBuffer {
    /// Adds the codes of `vectors` by a codec with one vector a block.
    mutating func append(_ vectors: Matrix, by codec: any VectorCodec, threads: Int) {
        replace(after: byteCount, count: codec.layout.byteCount(of: vectors.rows)) {
            codec.encode(vectors, into: $0, threads: threads)
        }
    }

    /// Adds numbers.
    mutating func append(_ numbers: [UInt32]) {
        replace(after: byteCount, count: numbers.count * 4) { target in
            numbers.withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }
}

/// The results of `body` for `0..<count`, in order.
func parallelMap<Result: Sendable>(
    _ count: Int, grain: Int, threads: Int, _ body: @Sendable (Int) -> Result
) -> [Result] {
    // The length of the one empty array that all share would be written.
    guard count > 0 else { return [] }
    return [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
        nonisolated(unsafe) let buffer = buffer  // every block writes elements of its own
        parallelFor(count, grain: grain, threads: threads) { block in
            for index in block { (buffer.baseAddress! + index).initialize(to: body(index)) }
        }
        initialized = count
    }
}

/// The same for a body that may fail: the error of the first that did.
func parallelMap<Element: Sendable>(
    _ count: Int, grain: Int, threads: Int, _ body: @Sendable (Int) throws(KuklaError) -> Element
) throws(KuklaError) -> [Element] {
    let results = parallelMap(count, grain: grain, threads: threads) { index -> Result<Element, KuklaError> in
        do throws(KuklaError) { return .success(try body(index)) } catch { return .failure(error) }
    }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for result in results { elements.append(try result.get()) }
    return elements
}
