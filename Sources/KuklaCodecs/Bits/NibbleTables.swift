import CKernels
import KuklaNumerics

/// Tables of queries, quantised to 8 or 16 bits, for the nibble look-up scan over interleaved codes.
///
/// A query's score of a code is the sum over the code's nibbles of one table entry each. All tables of a query share
/// one step, the widest table's range over 255 (or 65,535 with two planes): each entry is off by at most half a
/// step, and sums are exact integers, so nothing saturates. Where all entries are whole multiples of a known step, no
/// entry is off at all.
struct NibbleTables: Sendable {
    let queryCount: Int
    private let codes: InterleavedCodes
    private let planes: Int
    private let level: CPULevel
    private let storage: AlignedStorage<UInt8>
    private let bias: [Float]
    private let scale: [Float]

    /// - Parameters:
    ///   - planes: 1 for 8-bit tables, 2 for 16-bit ones.
    ///   - step: what all differences of entries of one table are multiples of, the widest at most 255 (or 65,535) times;
    ///     nil: the widest table decides.
    ///   - fill: writes the float tables of one query, `[2 * codeBytes, 16]`, that were zeroed before: entry `[n, v]` is
    ///     what value `v` of nibble `n` adds; nibble `2i` is the low half of byte `i`. Returns what is added to all scores.
    init(
        queries: Int, codes: InterleavedCodes, planes: Int = 1, step exact: Float? = nil, level: CPULevel,
        fill: (Int, UnsafeMutablePointer<Float>) -> Float
    ) {
        queryCount = queries
        self.codes = codes
        self.planes = planes
        self.level = level
        let nibbles = 2 * codes.codeBytes
        let tableBytes = (codes.codeBytes + 3) / 4 * 128
        let storage = AlignedStorage<UInt8>(uninitialized: queries * planes * tableBytes)
        storage.buffer.initialize(repeating: 0)
        self.storage = storage
        var bias = [Float](repeating: 0, count: queries)
        var scale = bias
        let levels: Float = planes == 2 ? 65_535 : 255
        withUnsafeTemporaryAllocation(of: Float.self, capacity: max(nibbles * 16, 1)) { table in
            let floats = table.baseAddress!
            var minima = [Float](repeating: 0, count: nibbles)
            for query in 0..<queries {
                table.initialize(repeating: 0)
                var offset = fill(query, floats)
                var range: Float = 0
                var total: Float = 0
                kk_nibble_table_bounds(floats, nibbles, &minima, &range, &total)
                offset += minima.reduce(0, +)
                // A query that is not finite gets scores that are not a number, and no trap.
                bias[query] = total.isFinite ? offset : .nan
                let step = exact ?? range / levels
                guard total.isFinite, step > 0, step.isFinite, (1 / step).isFinite else { continue }
                scale[query] = step
                kk_round_nibble_tables(
                    floats, codes.codeBytes, minima, 1 / step, planes,
                    storage.buffer.baseAddress! + query * planes * tableBytes)
            }
        }
        self.bias = bias
        self.scale = scale
    }

    /// Scores all queries against `count` codes: see `CodeScorer`.
    func score(_ pointer: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
    {
        contract(
            stride >= codes.layout.blockCount(of: count) * InterleavedCodes.blockVectors,
            "score: stride \(stride) for \(count) vectors in blocks of \(InterleavedCodes.blockVectors)")
        guard count > 0, queryCount > 0 else { return }
        kk_bit_kernels_for(level.kernelLevel).pointee.nibble_scan(
            pointer.assumingMemoryBound(to: UInt8.self), codes.layout.blockCount(of: count),
            codes.layout.bytesPerBlock, codes.codeBytes, storage.buffer.baseAddress!, queryCount, planes,
            bias,
            scale, scores, stride)
    }
}
