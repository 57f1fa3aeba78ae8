import CKernels
import KuklaNumerics

/// Queries against scalar codes. A coded vector is `x = middle + y`, `y = step * (c - middle code)`; with the query
/// measured from the middle too under L2, every metric is a function of one dot product with `y`:
/// `q.x = q.middle + q.y`, and `-|q - x|^2 = -|q - middle|^2 + 2 (q - middle).y - |y|^2`.
struct ScalarScorer: CodeScorer {
    private let codec: ScalarCodec
    /// Float queries, for the matrix product: as given, or from the middle under L2.
    private let floats: FloatQueries
    /// What to add to a dot product: `q.middle`, or `-|q - middle|^2`.
    private let offsets: [Float]
    private let integers: IntegerQueries?

    var queryCount: Int { offsets.count }

    init(codec: ScalarCodec, queries: Matrix) {
        self.codec = codec
        let d = codec.dimensions
        let middle = (0..<d).map { codec.minimum[$0] - codec.centredBias[$0] }
        var offsets = [Float](repeating: 0, count: queries.rows)
        var centred = queries
        if codec.metric == .squaredEuclidean {
            centred.withUnsafeMutableBufferPointer { q in
                for row in 0..<queries.rows {
                    var sum = 0.0
                    for i in 0..<d {
                        q[row * d + i] -= middle[i]
                        sum += Double(q[row * d + i]) * Double(q[row * d + i])
                    }
                    offsets[row] = Float(-sum)
                }
            }
        } else {
            queries.withUnsafeBufferPointer { q in
                for row in 0..<queries.rows {
                    var sum = 0.0
                    for i in 0..<d { sum += Double(q[row * d + i]) * Double(middle[i]) }
                    offsets[row] = Float(sum)
                }
            }
        }
        self.offsets = offsets
        floats = FloatQueries(centred, metric: .innerProduct)
        integers = queries.rows < Self.decodeThreshold ? IntegerQueries(centred, codec: codec) : nil
    }

    /// From this many queries on, codes are decoded once for all of them. The integer scan with VNNI does four times the
    /// work of a float instruction, so there it takes many (measured at 384 dimensions).
    private static var decodeThreshold: Int { CPULevel.current == .avx512 ? 64 : 8 }

    func score(_ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int) {
        guard count > 0, queryCount > 0 else { return }
        let bytes = codes.assumingMemoryBound(to: UInt8.self)
        let row = codec.layout.bytesPerBlock
        if let integers {
            let dot = codec.dotRows
            floats.scoreByScan(count: count, bytesPerVector: row, into: scores, stride: stride) {
                q, _, range, out in
                integers.withQuery(q) { query in
                    withUnsafePointer(to: query) {
                        dot($0, bytes + range.lowerBound * row, range.count, row, out)
                    }
                }
                let (scale, shift) = (integers.scales[q], integers.shifts[q])
                finish(
                    out, range: range, codes: codes, scale: scale, shift: shift, offset: offsets[q])
            }
        } else {
            let decode = codec.decodeRows
            floats.scoreDecoded(count: count, into: scores, stride: stride) { range, out in
                decode(
                    bytes + range.lowerBound * row, range.count, row, codec.dimensions, codec.centredBias,
                    codec.step,
                    out)
            }
            guard codec.metric != .cosine || offsets.contains(where: { $0 != 0 }) else { return }
            for q in 0..<queryCount {
                finish(
                    scores + q * stride, range: 0..<count, codes: codes, scale: 1, shift: 0,
                    offset: offsets[q])
            }
        }
    }

    /// Turns dot products with the codes of the rows from `range.lowerBound` into scores: `q.y = scale * dot + shift`.
    private func finish(
        _ out: UnsafeMutablePointer<Float>, range: Range<Int>, codes: UnsafeRawPointer, scale: Float,
        shift: Float, offset: Float
    ) {
        switch codec.metric {
        case .cosine:
            let sum = shift + offset
            for i in 0..<range.count { out[i] = scale * out[i] + sum }
        case .innerProduct:
            let sum = shift + offset
            for i in 0..<range.count {
                out[i] = codec.factor(of: range.lowerBound + i, in: codes) * (scale * out[i] + sum)
            }
        case .squaredEuclidean:
            for i in 0..<range.count {
                let product = scale * out[i] + shift
                out[i] = min(0, offset + 2 * product - codec.factor(of: range.lowerBound + i, in: codes))
            }
        }
    }
}

extension ScalarScorer: RandomAccessScorer {
    func score(
        rows: UnsafePointer<UInt32>, count: Int, of codes: UnsafeRawPointer,
        into scores: UnsafeMutablePointer<Float>
    ) {
        guard let integers else { return }
        let bytes = codes.assumingMemoryBound(to: UInt8.self)
        let row = codec.layout.bytesPerBlock
        let dot = codec.dotRows
        let ahead = 4
        for i in 0..<min(ahead, count) { kk_prefetch(bytes + Int(rows[i]) * row, row) }
        integers.withQuery(0) { query in
            withUnsafePointer(to: query) {
                for i in 0..<count {
                    if i + ahead < count { kk_prefetch(bytes + Int(rows[i + ahead]) * row, row) }
                    dot($0, bytes + Int(rows[i]) * row, 1, row, scores + i)
                }
            }
        }
        let (scale, shift, offset) = (integers.scales[0], integers.shifts[0], offsets[0])
        for i in 0..<count {
            let at = Int(rows[i])
            finish(scores + i, range: at..<at + 1, codes: codes, scale: scale, shift: shift, offset: offset)
        }
    }
}

/// `q[i] * step[i]` rounded to at most 15 bits and laid out as the kernels read it.
private struct IntegerQueries: Sendable {
    private let weights: [Int16]
    private let high: [Int8]
    private let low: [Int8]
    private let part: Int
    private let padded: Int
    private let rowCount: Int
    /// What one unit of weight stands for, by query.
    let scales: [Float]
    /// `-middle code * sum(weights) * scale`: rounding errors then meet codes measured from the middle.
    let shifts: [Float]

    init(_ queries: Matrix, codec: ScalarCodec) {
        let d = codec.dimensions
        let parts = codec.bits == 8 ? 1 : codec.bits == 4 ? 2 : 4
        part = (d + parts - 1) / parts
        padded = (part + 63) / 64 * 64
        rowCount = parts * padded
        // 32-bit sums in the kernels hold this much (kk_scalar_quantizer.h); 16256 = 127 * 128.
        let limit = min(16256, Double(Int32.max) / (255 * (Double(parts * padded) / 4)))
        let middle = Double(1 << (codec.bits - 1))
        var weights = [Int16](repeating: 0, count: queries.rows * rowCount)
        var scales = [Float](repeating: 0, count: queries.rows)
        var shifts = scales
        for q in 0..<queries.rows {
            let folded = queries.withUnsafeRow(q) { row in
                (0..<d).map { Double(row[$0]) * Double(codec.step[$0]) }
            }
            let largest = folded.reduce(0) { max($0, abs($1)) }
            guard largest > 0 else { continue }
            let scale = largest / limit.rounded(.down)
            var sum = 0.0
            for i in 0..<d {
                let weight = (folded[i] / scale).rounded()
                sum += weight
                weights[q * rowCount + i / part * padded + i % part] = Int16(weight)
            }
            scales[q] = Float(scale)
            shifts[q] = Float(-middle * sum * scale)
        }
        high = weights.map { Int8(truncatingIfNeeded: (Int($0) + 64) >> 7) }
        low = weights.map { Int8(truncatingIfNeeded: ((Int($0) + 64) & 127) - 64) }
        self.weights = weights
        self.scales = scales
        self.shifts = shifts
    }

    func withQuery(_ index: Int, _ body: (kk_scalar_query) -> Void) {
        weights.withUnsafeBufferPointer { weights in
            high.withUnsafeBufferPointer { high in
                low.withUnsafeBufferPointer { low in
                    body(
                        kk_scalar_query(
                            weights: weights.baseAddress! + index * rowCount,
                            high: high.baseAddress! + index * rowCount,
                            low: low.baseAddress! + index * rowCount, part: part, padded: padded))
                }
            }
        }
    }
}
