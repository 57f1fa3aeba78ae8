package import KuklaCodecs
public import KuklaNumerics
import KuklaTensor

/// How well a codec's scores find what they should: recall over queries that were kept out of training.
public struct BinaryJudge: Sendable {
    /// What the recall is called: `recall_at_10` of the ten nearest vectors, or `recall_at_1` of a partner.
    public let name: String
    let queries: Matrix
    let candidates: Matrix
    /// Rows of `candidates` that each query should find, as many as are looked at.
    private let wanted: [Set<Int32>]

    private init(_ name: String, queries: Matrix, candidates: Matrix, wanted: [Set<Int32>]) {
        self.name = name
        self.queries = queries
        self.candidates = candidates
        self.wanted = wanted
    }

    /// By the nearest of `candidates` by cosine, at most ten; rows have length 1.
    public static func neighbours(of queries: Matrix, among candidates: Matrix) -> BinaryJudge {
        let count = min(10, candidates.rows)
        let exact = Tensor(queries.multiplied(by: candidates, transposed: true))
        return BinaryJudge(
            "recall_at_\(count)", queries: queries, candidates: candidates,
            wanted: rows(of: exact.topK(count).indices, count: count))
    }

    /// By row i of `partners` for query i.
    public static func partners(of queries: Matrix, _ partners: Matrix) -> BinaryJudge {
        contract(queries.rows == partners.rows, "BinaryJudge: \(queries.rows) queries, \(partners.rows)")
        return BinaryJudge(
            "recall_at_1", queries: queries, candidates: partners,
            wanted: (0..<Int32(queries.rows)).map { [$0] })
    }

    private static func rows(of indices: [Int32], count: Int) -> [Set<Int32>] {
        stride(from: 0, to: indices.count, by: max(count, 1)).map { Set(indices[$0..<$0 + count]) }
    }

    /// The mean share of what is wanted among as many best scores, from 0 to 1.
    ///
    /// - Parameters:
    ///   - stored: the codec of the candidates, and the candidates as it takes them.
    ///   - scorer: prepares the queries for its codes.
    package func recall(
        storedBy stored: RecurrentBinaryCodec, _ candidates: Matrix, _ scorer: any CodeScorer
    ) -> Double {
        let layout = stored.layout
        let slots = layout.blockCount(of: candidates.rows) * layout.vectorsPerBlock
        let codes = AlignedStorage<UInt8>(uninitialized: layout.byteCount(of: candidates.rows))
        let bytes = UnsafeMutableRawBufferPointer(codes.buffer)
        stored.encode(candidates, into: bytes, threads: TensorThreads.count)
        let scores = Tensor(shape: [queries.rows, slots]) { out in
            guard let base = bytes.baseAddress, let to = out.baseAddress else { return }
            scorer.score(UnsafeRawPointer(base), count: candidates.rows, into: to, stride: slots)
        }
        guard let count = wanted.first?.count, count > 0 else { return 0 }
        let best = scores.slice(axis: 1, 0..<candidates.rows).topK(count).indices
        let hits = zip(Self.rows(of: best, count: count), wanted).reduce(0) {
            $0 + $1.0.intersection($1.1).count
        }
        return Double(hits) / Double(wanted.count * count)
    }
}
