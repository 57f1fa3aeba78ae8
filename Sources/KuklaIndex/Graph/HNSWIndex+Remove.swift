import KuklaCodecs
import KuklaNumerics

extension HNSWIndex: Removable {
    /// Forgets vectors and mends the graph around them: a node that was linked to a removed one is linked to the best of
    /// that one's neighbours too (the consolidation of Singh et al. 2021, "FreshDiskANN", arXiv:2105.09613). No trace is
    /// left: the last vectors move into the free slots.
    ///
    /// - Complexity: one pass over all links however many are removed: remove many at once.
    public mutating func remove(_ ids: some Sequence<Int>) -> Int { remove(ids, isMending: true) }

    /// As `remove(_:)`; where the graph is not mended, the links to removed vectors are missing afterwards.
    mutating func remove(_ ids: some Sequence<Int>, isMending: Bool) -> Int {
        let gone = slots(of: ids)
        guard gone.count > 0 else { return 0 }
        if gone.count == count {
            clear()
            return gone.count
        }
        let (codec, codes) = finest
        let selection = NeighbourSelection(codec: codec)
        for layer in layers.indices {
            layers[layer].unlink(gone, selection: isMending ? selection : nil, codes: codes.base)
        }
        withExtendedLifetime(codes) {}
        compact(without: gone)
        reconnect()
        return gone.count
    }

    /// The slots of the vectors of these ids, as far as they are there.
    private func slots(of wanted: some Sequence<Int>) -> RowSet {
        let asked = Set(wanted)
        guard ids != nil else { return RowSet(capacity: count) { asked.contains($0) } }
        return RowSet(capacity: count) { asked.contains(id(of: UInt32($0))) }
    }

    private mutating func clear() {
        (codes, ids) = (CodeBuffer(), CodeBuffer())
        refineCodes.clear()
        layers = [GraphLayer(width: graph.lowestLinks)]
        count = 0
    }

    /// Closes the gaps on all layers and in the codes and ids.
    private mutating func compact(without gone: RowSet) {
        nameSlots()
        let slots = Renumbering(count: count) { gone.contains($0) }
        codes.compact(slots, bytesPerRow: codec.layout.bytesPerBlock)
        if let refinement { refineCodes.compact(slots, bytesPerRow: refinement.codec.layout.bytesPerBlock) }
        ids?.compact(slots, bytesPerRow: 4)
        var below = slots
        for layer in layers.indices {
            let view = layers[layer].view
            let own =
                layer == 0
                ? slots : Renumbering(count: view.count) { gone.contains(Int(view.slot(of: UInt32($0)))) }
            layers[layer].compact(own, slots: slots, below: below)
            below = own
        }
        layers.removeAll { $0.count == 0 }
        count = slots.kept
    }
}

/// New numbers for what is kept of a run of rows: rows keep theirs, but the last ones take those that became free.
struct Renumbering {
    let kept: Int
    /// From which number to which.
    let moves: [(from: Int, to: Int)]
    /// The new number of each old one, where there is one.
    private let numbers: [UInt32]

    init(count: Int, isGone: (Int) -> Bool) {
        let gone = (0..<count).filter(isGone)
        kept = count - gone.count
        var numbers = (0..<count).map { UInt32($0) }
        for row in gone { numbers[row] = GraphLayer.none }
        var moves: [(from: Int, to: Int)] = []
        var last = count - 1
        for hole in gone where hole < kept {
            while numbers[last] == GraphLayer.none { last -= 1 }
            moves.append((last, hole))
            numbers[last] = UInt32(hole)
            last -= 1
        }
        self.moves = moves
        self.numbers = numbers
    }

    /// Keeps the rows `kept`, which rise, in their order.
    init(keeping kept: [Int], of count: Int) {
        self.kept = kept.count
        moves = kept.enumerated().filter { $0.element != $0.offset }.map { ($0.element, $0.offset) }
        var numbers = [UInt32](repeating: GraphLayer.none, count: count)
        for (number, row) in kept.enumerated() { numbers[row] = UInt32(number) }
        self.numbers = numbers
    }

    subscript(old: UInt32) -> UInt32 { old < numbers.count ? numbers[Int(old)] : GraphLayer.none }
}

extension CodeBuffer {
    /// Moves rows to their new numbers and forgets those that have none.
    mutating func compact(_ rows: Renumbering, bytesPerRow: Int) {
        withUnsafeMutableBytes { bytes in
            for (from, to) in rows.moves {
                (bytes.baseAddress! + to * bytesPerRow)
                    .copyMemory(from: bytes.baseAddress! + from * bytesPerRow, byteCount: bytesPerRow)
            }
        }
        replace(after: rows.kept * bytesPerRow, count: 0) { _ in }
    }
}

extension GraphLayer {
    /// Replaces links to nodes whose slots are `gone` by links to the best of what these were linked to; without
    /// `selection` by nothing.
    mutating func unlink(_ gone: RowSet, selection: NeighbourSelection?, codes: UnsafeRawPointer) {
        let old = view
        nonisolated(unsafe) let codes = codes
        withLinks { links in
            let view = GraphLayerView(links: links, width: old.width, count: old.count, anchors: old.anchors)
            // A block writes its own lists and reads those of removed nodes.
            nonisolated(unsafe) let links = links
            parallelFor(view.count, grain: 256) { block in
                for node in block {
                    let slot = view.slot(of: UInt32(node))
                    guard !gone.contains(Int(slot)),
                        view.neighbours(of: UInt32(node)).contains(where: {
                            gone.contains(Int(view.slot(of: $0)))
                        })
                    else { continue }
                    var list = view.neighbours(of: UInt32(node)).filter {
                        !gone.contains(Int(view.slot(of: $0)))
                    }
                    if let selection {
                        list = view.survivors(around: UInt32(node), without: gone)
                        let chosen = selection.choose(
                            view.width, of: list.map { view.slot(of: $0) }, for: slot, codes: codes)
                        list = chosen.map { list[$0] }
                    }
                    Self.write(list, to: links + node * view.width, width: view.width)
                }
            }
        }
    }

    /// Moves nodes to their new numbers.
    mutating func compact(_ own: Renumbering, slots: Renumbering, below: Renumbering) {
        let isUpper = anchors.byteCount > 0
        links.compact(own, bytesPerRow: width * 4)
        let places = own.kept * width
        withLinks { links in
            let all = UnsafeMutableBufferPointer(start: links, count: places)
            for i in all.indices where all[i] != Self.none { all[i] = own[all[i]] }
        }
        if isUpper {
            anchors.compact(own, bytesPerRow: 8)
            anchors.withUnsafeMutableBytes { bytes in
                let pairs = bytes.assumingMemoryBound(to: UInt32.self)
                for node in 0..<own.kept {
                    pairs[2 * node] = slots[pairs[2 * node]]
                    pairs[2 * node + 1] = below[pairs[2 * node + 1]]
                }
            }
        }
        count = own.kept
    }
}

extension GraphLayerView {
    /// The neighbours of `node` that are left, and those of the removed ones, through as many as it takes.
    fileprivate func survivors(around node: UInt32, without gone: RowSet) -> [UInt32] {
        var list: [UInt32] = []
        var waiting = [node]
        var seen: Set<UInt32> = [node]
        var position = 0
        while position < waiting.count, list.count < 4 * width {
            for next in neighbours(of: waiting[position]) where seen.insert(next).inserted {
                if gone.contains(Int(slot(of: next))) { waiting.append(next) } else { list.append(next) }
            }
            position += 1
        }
        return list
    }
}
