import Foundation
public import KuklaCodecs
public import KuklaNumerics

/// An index that finds near vectors by walking over a graph of near neighbours: hierarchical navigable small worlds.
///
/// *Source:* Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using Hierarchical
/// Navigable Small World graphs", arXiv:1603.09320.
///
/// Works over every codec whose codes can be picked out one by one (`VectorCodec.rowwise`). The graph is built by the
/// finest codes there are, those of the refinement where there is one; walks score the codes of the first codec.
///
/// A search is approximate: `effort` (efSearch, the width of the walk's beam) trades time for recall. It finds `k`
/// matches wherever there are so many: where a walk would cost more than comparing all vectors, or meets too few, all
/// are compared.
///
/// Memory: the codes, `8 m` bytes of links a vector on the lowest layer and `(4 m + 8) / (m - 1)` on average above.
/// Search: about O(effort * m * log count) scores; insertion the same with `efConstruction`.
public struct HNSWIndex: CodedIndex, ApproximateIndex {
    public let graph: HNSWConfiguration
    /// Draws the layers of the nodes.
    public let seed: UInt64
    /// The codec, with one vector a block.
    public let codec: any VectorCodec
    public let refinement: FlatIndex.Refinement?
    public var effort = Self.defaultEffort
    public var comparisonCounter: ComparisonCounter?
    public internal(set) var count = 0
    /// Ids given so far: the next vector gets this one.
    public internal(set) var idBound = 0
    var codes = CodeBuffer()
    var refineCodes: FineCodes
    /// The lowest first. The first node of the highest is where walks enter.
    var layers: [GraphLayer]
    /// The id of the vector in each slot, `[count]` of UInt32; `nil` while they are the same.
    var ids: CodeBuffer?
    let walkers = GraphWalkerPool()

    public static let defaultEffort = 64

    public var dimensions: Int { codec.dimensions }
    public var metric: Metric { codec.metric }
    public var configuration: IndexConfiguration {
        IndexConfiguration(structure: .graph(graph), codec: codec, refinement: refinement)
    }
    public var bytesPerVector: Double {
        codec.layout.bytesPerVector + (refinement?.bytesPerVector(inFile: false) ?? 0) + graph.bytesPerVector
    }

    public var fileReads: ReadCounter? { refineCodes.reads }

    /// An index without vectors.
    ///
    /// - Throws: `KuklaError.usage` where the codec has no layout with one vector a block.
    /// - Precondition: the refinement's codec has the same dimensions and metric.
    public init(
        _ graph: HNSWConfiguration = .init(), codec: any VectorCodec, refinement: FlatIndex.Refinement? = nil,
        seed: UInt64 = 1
    ) throws(KuklaError) {
        contract(
            refinement.map { $0.codec.dimensions == codec.dimensions && $0.codec.metric == codec.metric }
                ?? true,
            "HNSWIndex: the refinement's codec is for other vectors or another metric")
        self.graph = graph
        self.seed = seed
        self.codec = try codec.pickable(for: "HNSW\(graph.links)")
        self.refinement = refinement
        refineCodes = FineCodes(inFile: refinement?.isTiered ?? false)
        layers = [GraphLayer(width: graph.lowestLinks)]
    }

    /// The id of the vector in `slot`.
    @inline(__always)
    func id(of slot: UInt32) -> Int {
        guard let ids else { return Int(slot) }
        return Int(ids.base.load(fromByteOffset: Int(slot) * 4, as: UInt32.self))
    }

    /// The codes that the graph is built by, and their codec.
    var finest: (codec: any VectorCodec, codes: CodeBuffer) {
        refinement.map { ($0.codec, refineCodes.all) } ?? (codec, codes)
    }

    public func id(at place: Int) -> Int { id(of: UInt32(place)) }

    public func vectors(_ slots: Range<Int>) -> Matrix {
        contract(slots.lowerBound >= 0 && slots.upperBound <= count, "HNSWIndex: slots \(slots) of \(count)")
        let (codec, codes) = finest
        let bytes = codec.layout.bytesPerBlock
        return codes.withUnsafeBytes {
            codec.decode(
                UnsafeRawBufferPointer(rebasing: $0[slots.lowerBound * bytes..<slots.upperBound * bytes]),
                count: slots.count)
        }
    }
}

extension HNSWConfiguration {
    /// Bytes of links that one more vector costs, on average.
    var bytesPerVector: Double {
        Double(4 * lowestLinks) + Double(4 * links + 8) / Double(links - 1)
    }

    /// The highest layer of the vector `id`: each has `1 / links` of the nodes below it.
    func level(of id: Int, seed: UInt64) -> Int {
        var random = RandomSource(seed: seed &+ UInt64(id) &* 0x9E37_79B9_7F4A_7C15)
        let uniform = 1 - Double(random.next() >> 11) * 0x1p-53
        return Int(-log(uniform) / log(Double(links)))
    }
}

extension VectorCodec {
    /// The codec with one vector a block, for an index that picks out single codes.
    ///
    /// - Throws: `KuklaError.usage` where there is no such layout.
    func pickable(for word: String) throws(KuklaError) -> any VectorCodec {
        guard let rowwise else {
            throw KuklaError(
                .usage,
                "Cannot make '\(word)' over '\(configuration)': its codes lie in blocks of \(layout.vectorsPerBlock) vectors, of which none can be picked out. Use a codec such as F32, SQ8, PQ48 or B1."
            )
        }
        return rowwise
    }
}
