import KuklaNumerics

/// One layer of a navigable graph: `width` places for links a node, in one run of memory.
///
/// Nodes of a layer have numbers of their own, from 0, and links hold these. On the lowest layer they are the slots of
/// the vectors; a node above knows its slot and its number on the layer below.
struct GraphLayer: Sendable {
    /// Stands in the places behind a node's last link.
    static let none = UInt32.max

    let width: Int
    var count = 0
    /// `[count, width]`.
    var links = CodeBuffer()
    /// `[count, 2]`: slot and number on the layer below. Nothing on the lowest layer.
    var anchors = CodeBuffer()

    init(width: Int) { self.width = width }

    /// A layer whose links and anchors were read from a file.
    init(width: Int, count: Int, links: CodeBuffer, anchors: CodeBuffer) {
        self.width = width
        self.count = count
        self.links = links
        self.anchors = anchors
    }

    /// Adds `added` nodes without links, on the lowest layer.
    mutating func append(_ added: Int) {
        links.replace(after: links.byteCount, count: added * width * 4) {
            $0.initializeMemory(as: UInt32.self, repeating: Self.none)
        }
        count += added
    }

    /// Adds a node without links above `below`.
    mutating func append(slot: UInt32, below: UInt32) {
        append(1)
        anchors.replace(after: anchors.byteCount, count: 8) {
            $0.storeBytes(of: slot, as: UInt32.self)
            $0.storeBytes(of: below, toByteOffset: 4, as: UInt32.self)
        }
    }

    var view: GraphLayerView {
        GraphLayerView(
            links: links.base.assumingMemoryBound(to: UInt32.self), width: width, count: count,
            anchors: anchors.byteCount == 0 ? nil : anchors.base.assumingMemoryBound(to: UInt32.self))
    }

    /// Lets `body` write links in place.
    mutating func withLinks<Result>(_ body: (UnsafeMutablePointer<UInt32>) throws -> Result) rethrows
        -> Result
    {
        try links.withUnsafeMutableBytes {
            try body($0.baseAddress!.assumingMemoryBound(to: UInt32.self))
        }
    }
}

/// A layer to walk over, valid while the layer lives and is not changed.
struct GraphLayerView: @unchecked Sendable {  // memory that nobody writes meanwhile
    let links: UnsafePointer<UInt32>
    let width: Int
    let count: Int
    let anchors: UnsafePointer<UInt32>?

    @inline(__always)
    func slot(of node: UInt32) -> UInt32 { anchors.map { $0[2 * Int(node)] } ?? node }

    @inline(__always)
    func below(_ node: UInt32) -> UInt32 { anchors.map { $0[2 * Int(node) + 1] } ?? node }

    /// The links of `node`, as far as they lead to nodes of this layer: a damaged file may hold others.
    func neighbours(of node: UInt32) -> UnsafeBufferPointer<UInt32> {
        let all = UnsafeBufferPointer(start: links + Int(node) * width, count: width)
        return UnsafeBufferPointer(rebasing: all.prefix { $0 < count })
    }
}
