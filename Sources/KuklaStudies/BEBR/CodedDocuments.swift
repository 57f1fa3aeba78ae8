import KuklaCodecs
import KuklaNumerics
import KuklaTensor

extension VectorCorpus {
    /// How documents are found that `codec` stored, by queries that are coded by it, or stay floats.
    func figures(_ codec: RecurrentBinaryCodec, floatQueries: Bool = false) throws(KuklaError) -> Figures {
        try figures(
            floatQueries ? codec.scorer(for: queries) : codec.symmetricScorer(for: queries), codec, documents)
    }

    /// How `documents`, as `stored` takes them, are found by prepared queries.
    func figures(
        _ scorer: any CodeScorer, _ stored: RecurrentBinaryCodec, _ documents: Matrix
    ) throws(KuklaError) -> Figures {
        let layout = stored.layout
        let slots = layout.blockCount(of: documents.rows) * layout.vectorsPerBlock
        let codes = AlignedStorage<UInt8>(uninitialized: layout.byteCount(of: documents.rows))
        stored.encode(documents, into: UnsafeMutableRawBufferPointer(codes.buffer), threads: 2)
        let scores = Tensor(shape: [queries.rows, slots]) { out in
            scorer.score(
                UnsafeRawPointer(codes.buffer.baseAddress!), count: documents.rows,
                into: out.baseAddress!, stride: slots)
        }
        return try figures(scores.slice(axis: 1, 0..<documents.rows).topK(Self.k))
    }
}
