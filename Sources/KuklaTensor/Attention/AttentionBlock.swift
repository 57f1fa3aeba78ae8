import CKernels
import KuklaNumerics

/// Some queries of one head against the keys of their sequence that any of them sees.
struct AttentionBlock {
    let rows: Range<Int>
    let kernel: kk_attention_block
    /// Ranges of keys that are computed, each from a multiple of 32 on; the last key of the sequence is the end.
    let keys: [Range<Int>]
}

extension AttentionPlan {
    /// What every query of a sequence sees and is multiplied by, written to scratch: the same for all heads.
    func prepare(_ sequence: Int, _ scratch: AttentionScratch) {
        let (queries, keys) = (queries[sequence], keys[sequence])
        for i in 0..<queries.count {
            let seen = options.pattern.visibleKeys(query: i, queries: queries.count, keys: keys.count)
            scratch.prefix[i] = Int32(seen.prefix)
            scratch.lower[i] = Int32(seen.lower)
            scratch.upper[i] = Int32(seen.upper)
            scratch.factor[i] = scale * (options.temperature?[queries.lowerBound + i] ?? 1)
        }
    }

    /// The blocks of one query head of a prepared sequence, in order.
    func blocks(
        of sequence: Int, head: Int, _ scratch: AttentionScratch, _ body: (AttentionBlock) -> Void
    ) {
        let (queries, keys) = (queries[sequence], keys[sequence].count)
        if let dropout = options.dropout, dropout.rate > 0 {
            for i in 0..<queries.count {
                scratch.dropoutKeys[i] = dropout.key(head: head, query: queries.lowerBound + i)
            }
        }
        let stride = (keys + 31) / 32 * 32
        let origin = biasOrigin(sequence, head: head)
        let step = blockRows(keys: keys)
        for first in Swift.stride(from: 0, to: queries.count, by: step) {
            let rows = first..<min(first + step, queries.count)
            var (prefixEnd, begin, end) = (0, keys, 0)
            for i in rows {
                prefixEnd = max(prefixEnd, Int(scratch.prefix[i]))
                if scratch.upper[i] > scratch.lower[i] {
                    begin = min(begin, Int(scratch.lower[i]))
                    end = max(end, Int(scratch.upper[i]))
                }
            }
            begin = begin / 32 * 32
            var ranges = [begin..<max(begin, end)]
            if prefixEnd > 0 {
                // Nearly touching: one range is cheaper than two.
                if prefixEnd + 31 >= begin {
                    ranges = [0..<max(end, prefixEnd)]
                    (prefixEnd, begin, end) = (0, 0, max(end, prefixEnd))
                } else {
                    ranges.insert(0..<prefixEnd, at: 0)
                }
            }
            let dropout = options.dropout.flatMap { $0.rate > 0 ? $0 : nil }
            let bias =
                computedBias(sequence, head: head, rows: rows, stride: stride, scratch)
                ?? origin.map { ($0.start + first * $0.step, $0.step) }
            let kernel = kk_attention_block(
                rows: rows.count, stride: stride, prefix_end: (prefixEnd + 15) / 16 * 16, begin: begin,
                end: (max(begin, end) + 15) / 16 * 16, prefix: scratch.prefix + first,
                lower: scratch.lower + first, upper: scratch.upper + first, factor: scratch.factor + first,
                bias: bias?.0, bias_step: bias?.1 ?? 0,
                dropout_key: dropout.map { _ in UnsafePointer(scratch.dropoutKeys + first) },
                threshold: dropout?.threshold ?? 0, kept: dropout.map { 1 / (1 - $0.rate) } ?? 1)
            body(AttentionBlock(rows: rows, kernel: kernel, keys: ranges.filter { !$0.isEmpty }))
        }
    }

    /// Where the biases by position of some queries lie, rows `stride` apart, after writing them to scratch.
    private func computedBias(
        _ sequence: Int, head: Int, rows: Range<Int>, stride: Int, _ scratch: AttentionScratch
    ) -> (UnsafePointer<Float>, Int)? {
        guard case .byPosition(let slopes, let queryPositions, let keyPositions, let reach) = options.bias
        else { return nil }
        let keys = keys[sequence]
        keyPositions.withUnsafeBufferPointer { positions in
            for (r, query) in rows.enumerated() {
                let place = queryPositions[queries[sequence].lowerBound + query]
                let row = scratch.bias + r * stride
                for j in 0..<keys.count {
                    let distance = abs(place &- positions[keys.lowerBound + j])
                    row[j] = -slopes[head] * Float(min(distance, reach))
                }
                (row + keys.count).update(repeating: 0, count: stride - keys.count)
            }
        }
        return (UnsafePointer(scratch.bias), stride)
    }

    /// The bias of query 0 and key 0, and how far the next query's is.
    private func biasOrigin(_ sequence: Int, head: Int) -> (start: UnsafePointer<Float>, step: Int)? {
        guard let tensor = options.bias.tensor else { return nil }
        let origin = biasOffset(sequence, head: head)
        return (tensor.pointer + origin.start, origin.step)
    }

    /// `biasOrigin` as a place in the bias's elements; query 0's key 0 may itself lie outside.
    func biasOffset(_ sequence: Int, head: Int) -> (start: Int, step: Int) {
        switch options.bias {
        case .none, .byPosition: (0, 0)
        case .byDistance(let table, let zero):
            (head * table.shape[1] + zero - (keys[sequence].count - queries[sequence].count), -1)
        case .dense(let table): (head * table.shape[1] * table.shape[2], table.shape[2])
        case .bySequence:
            (
                (0..<sequence).reduce(0) { $0 + queries[$1].count * keys[$1].count },
                keys[sequence].count
            )
        }
    }
}
