import CKernels
import Foundation
import KuklaCodecs
import KuklaNumerics

/// Chooses which of many near nodes a node links to: those that are nearer to it than to any that was chosen before
/// (Malkov and Yashunin 2016, algorithm 4). Links then lead in all directions and not only into the densest one.
///
/// Of nodes with the very same code, twins, a node links to one: twins form a ring (`GraphLayer.joinTwins`). Without that
/// they would fill each other's lists and be cut off from all else, or all link to one of them that forgets most.
///
/// Compares stored vectors with each other: floats in place, other codes decoded a few at a time.
struct NeighbourSelection: Sendable {
    private let isInPlace: Bool
    /// Decodes what is compared: without the transforms before it, which keep distances, where distances are all that
    /// counts.
    private let codec: any VectorCodec
    private let kernel: kk_picked_f32
    private let sign: Float

    init(codec: any VectorCodec) {
        let inner = codec.metric == .innerProduct ? nil : (codec as? TransformedCodec)?.quantizer
        self.codec = inner ?? codec
        isInPlace = self.codec is FloatCodec
        let kernels = kk_picked_kernels_for(CPULevel.current.kernelLevel).pointee
        // What was decoded under cosine has no length of exactly 1: distances then, which mean the same.
        let isProduct = codec.metric == .innerProduct || codec.metric == .cosine && codec is FloatCodec
        (kernel, sign) = isProduct ? (kernels.dot_f32, 1) : (kernels.squared_euclidean_f32, -1)
    }

    /// Whether the codes in two slots are the same.
    func areTwins(_ a: UInt32, _ b: UInt32, codes: UnsafeRawPointer) -> Bool {
        let bytes = codec.layout.bytesPerBlock
        return memcmp(codes + Int(a) * bytes, codes + Int(b) * bytes, bytes) == 0
    }

    /// The places in `candidates` of at most `limit` neighbours for the vector in slot `center`, a twin first, then the
    /// others, best first.
    ///
    /// - Parameter candidates: slots, none twice, `center` not among them.
    func choose(
        _ limit: Int, of candidates: [UInt32], for center: UInt32, codes: UnsafeRawPointer
    ) -> [Int] {
        let count = candidates.count
        guard count > 0 else { return [] }
        if isInPlace {
            let rows = candidates + [center]
            return choose(
                limit, count: count, rows: rows, vectors: codes.assumingMemoryBound(to: Float.self))
        }
        let bytes = codec.layout.bytesPerBlock
        return withUnsafeTemporaryAllocation(byteCount: (count + 1) * bytes, alignment: 64) { gathered in
            for i in 0...count {
                let slot = i < count ? candidates[i] : center
                (gathered.baseAddress! + i * bytes).copyMemory(
                    from: codes + Int(slot) * bytes, byteCount: bytes)
            }
            let decoded = codec.decode(UnsafeRawBufferPointer(gathered), count: count + 1)
            return decoded.withUnsafeBufferPointer {
                choose(limit, count: count, rows: (0...UInt32(count)).map { $0 }, vectors: $0.baseAddress!)
            }
        }
    }

    /// As above: candidate i is row `rows[i]` of `vectors`, the centre row `rows[count]`.
    private func choose(
        _ limit: Int, count: Int, rows: [UInt32], vectors: UnsafePointer<Float>
    ) -> [Int] {
        let d = codec.dimensions
        let lanes = 4
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: count + lanes) { scores in
            let scores = scores.baseAddress!
            let some = scores + count
            kernel(vectors + Int(rows[count]) * d, vectors, d, rows, count, scores)
            // Sorted as numbers: the order of the score, then the lower place.
            var order = (0..<count).map {
                UInt64(GraphBeam.order(sign * scores[$0])) << 32 | UInt64(UInt32.max - UInt32($0))
            }
            order.sort(by: >)
            var chosen: [Int] = []
            var chosenRows: [UInt32] = []
            chosen.reserveCapacity(limit)
            chosenRows.reserveCapacity(limit)
            let center = vectors + Int(rows[count]) * d
            func isTwin(_ place: Int) -> Bool { memcmp(vectors + Int(rows[place]) * d, center, 4 * d) == 0 }
            // Twins take no part in the choice of the others: nothing is nearer to the centre than to them.
            if let twin = (0..<count).first(where: isTwin) { chosen.append(twin) }
            for key in order where chosen.count < limit {
                let place = Int(UInt32.max - UInt32(truncatingIfNeeded: key))
                let own = sign * scores[place]
                let vector = vectors + Int(rows[place]) * d
                if isTwin(place) { continue }
                let isNearest = chosenRows.withUnsafeBufferPointer { chosen in
                    for start in stride(from: 0, to: chosen.count, by: lanes) {
                        let part = min(lanes, chosen.count - start)
                        kernel(vector, vectors, d, chosen.baseAddress! + start, part, some)
                        for i in 0..<part where sign * some[i] > own { return false }
                    }
                    return true
                }
                guard isNearest else { continue }
                chosen.append(place)
                chosenRows.append(rows[place])
            }
            return chosen
        }
    }
}
