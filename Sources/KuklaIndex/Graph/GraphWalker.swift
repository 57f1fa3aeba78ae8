import CKernels
import KuklaCodecs
import KuklaNumerics

/// Walks over layers of a graph, and the memory that this takes: marks of the nodes it has seen, its beam, and the
/// scores of one node's neighbours. Belongs to one thread at a time.
final class GraphWalker: @unchecked Sendable {  // handed from thread to thread by `GraphWalkerPool`
    var beam = GraphBeam()
    /// A node was seen in this walk where its mark is `epoch`.
    private var marks: UnsafeMutablePointer<UInt8>
    private var markCount = 0
    private var epoch: UInt8 = 0
    /// Nodes to score next, their slots and their scores.
    let nodes: UnsafeMutablePointer<UInt32>
    let slots: UnsafeMutablePointer<UInt32>
    let scores: UnsafeMutablePointer<Float>
    /// Nodes scored since this was last set to 0.
    var comparisons = 0
    /// Nodes that can be scored at a time.
    static let pieceSize = 1024

    init() {
        marks = .allocate(capacity: 1)
        nodes = .allocate(capacity: Self.pieceSize)
        slots = .allocate(capacity: Self.pieceSize)
        scores = .allocate(capacity: Self.pieceSize)
    }

    deinit {
        beam.deallocate()
        marks.deallocate()
        nodes.deallocate()
        slots.deallocate()
        scores.deallocate()
    }

    @inline(__always)
    func isMarked(_ node: UInt32) -> Bool { marks[Int(node)] == epoch }

    @inline(__always)
    func mark(_ node: UInt32) { marks[Int(node)] = epoch }

    /// Begins a walk over a layer of `count` nodes: none is marked.
    func begin(count: Int) {
        if count > markCount {
            marks.deallocate()
            markCount = count + count / 4
            marks = .allocate(capacity: markCount)
            marks.initialize(repeating: 0, count: markCount)
            epoch = 0
        } else if epoch == .max {
            marks.update(repeating: 0, count: markCount)
            epoch = 0
        }
        epoch += 1
    }

    /// Fills the beam with the best `width` nodes of `layer` that a walk from `start` finds.
    ///
    /// Goes on from the best node it knows until none is left that is better than the last of the beam (Malkov and
    /// Yashunin 2016, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
    /// graphs", algorithm 2).
    func walk(
        _ layer: GraphLayerView, from start: UInt32, width: Int, scorer: some RandomAccessScorer,
        codes: UnsafeRawPointer
    ) {
        begin(count: layer.count)
        beam.reset(capacity: width)
        marks[Int(start)] = epoch
        nodes[0] = start
        score(1, layer, scorer, codes)
        let (marks, epoch, nodes) = (marks, epoch, nodes)
        let (links, places, count) = (layer.links, layer.width, UInt32(layer.count))
        while let node = beam.next() {
            let list = links + Int(node) &* places
            if let upcoming = beam.upcoming { kk_prefetch(links + Int(upcoming) &* places, places &* 4) }
            var found = 0
            for i in 0..<places {
                let next = list[i]
                guard next < count else { break }
                nodes[found] = next
                found &+= marks[Int(next)] == epoch ? 0 : 1
                marks[Int(next)] = epoch
            }
            score(found, layer, scorer, codes)
        }
    }

    /// Scores the first `count` of `nodes` and offers them to the beam.
    @inline(__always)
    func score(
        _ count: Int, _ layer: GraphLayerView, _ scorer: some RandomAccessScorer, _ codes: UnsafeRawPointer
    ) {
        var rows = UnsafePointer(nodes)
        if layer.anchors != nil {
            for i in 0..<count { slots[i] = layer.slot(of: nodes[i]) }
            rows = UnsafePointer(slots)
        }
        scorer.score(rows: rows, count: count, of: codes, into: scores)
        comparisons &+= count
        for i in 0..<count { beam.offer(nodes[i], score: scores[i]) }
    }
}

/// Walkers that are not in use, kept for the next search: making one costs as much as a short walk.
final class GraphWalkerPool: Sendable {
    private let idle = Guarded<[GraphWalker]>([])

    func withWalker<Result, Failure: Error>(
        _ body: (GraphWalker) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let walker = idle.withLock { $0.popLast() } ?? GraphWalker()
        defer { idle.withLock { $0.append(walker) } }
        return try body(walker)
    }
}
