import CKernels
import KuklaNumerics

extension AttentionPlan {
    /// The result `[tokens, heads * headDimensions]` and log sum exp(score) for each head and query, `[heads, tokens]`.
    func forward() -> (output: Tensor, logSums: AlignedStorage<Float>) {
        let output = AlignedStorage<Float>(uninitialized: queries.total * shape.queryWidth)
        let logSums = AlignedStorage<Float>(uninitialized: queries.total * shape.heads)
        forEachUnit(units(summingBias: false), isBackward: false) { unit, scratch in
            for sequence in unit.sequences {
                forward(sequence, head: unit.head, scratch, to: output.pointer, logSums: logSums.pointer)
            }
        }
        return (Tensor(shape: [queries.total, shape.queryWidth], storage: output), logSums)
    }

    private func forward(
        _ sequence: Int, head: Int, _ scratch: AttentionScratch, to output: UnsafeMutablePointer<Float>,
        logSums: UnsafeMutablePointer<Float>
    ) {
        let kernels = scratch.kernels
        let d = shape.headDimensions
        let padded = paddedDimensions
        let (rows, keyRows) = (queries[sequence], keys[sequence])
        guard !rows.isEmpty else { return }
        prepare(sequence, scratch)
        let keys = columns(key, head: head, row: keyRows.lowerBound)
        let values = columns(value, head: head, row: keyRows.lowerBound)
        kernels.pointee.pack_transposed(keys.start, keys.stride, keyRows.count, d, scratch.keyPanels)
        kernels.pointee.pack_rows(
            values.start, values.stride, keyRows.count, d, scratch.values, padded)
        for head in head * shape.group..<(head + 1) * shape.group {
            let from = columns(query, head: head, row: rows.lowerBound)
            kernels.pointee.pack_rows(from.start, from.stride, rows.count, d, scratch.queries, padded)
            let to = output + rows.lowerBound * shape.queryWidth + head * d
            let logSums = logSums + head * queries.total + rows.lowerBound
            blocks(of: sequence, head: head, scratch) { block in
                let first = block.rows.lowerBound
                scores(block, scratch.queries, scratch.keyPanels, to: scratch.scores, scratch)
                var kernel = block.kernel
                kernels.pointee.softmax(&kernel, scratch.scores, logSums + first, scratch.perQuery)
                weightedRows(block, scratch.scores, scratch.values, to: scratch.output, scratch)
                kernels.pointee.scale_rows(
                    scratch.output, padded, scratch.perQuery, to + first * shape.queryWidth,
                    shape.queryWidth, block.rows.count, d)
            }
        }
    }

    /// Where the columns of one head begin in a row, and how far the next row is.
    func columns(
        _ columns: TensorColumns, head: Int, row: Int
    ) -> (start: UnsafePointer<Float>, stride: Int) {
        let stride = columns.tensor.shape[1]
        let offset = row * stride + columns.range.lowerBound + head * shape.headDimensions
        return (columns.tensor.pointer + offset, stride)
    }

    /// The products of the block's rows of `rows` with the keys (or values) in `panels`.
    func scores(
        _ block: AttentionBlock, _ rows: UnsafePointer<Float>, _ panels: UnsafePointer<Float>,
        to scores: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
    ) {
        let d = shape.headDimensions
        for keys in block.keys {
            let panels = kk_panels_f32(
                data: panels + keys.lowerBound * d, panel_stride: 32 * d, row_stride: 32)
            scratch.kernels.pointee.multiply(
                rows + block.rows.lowerBound * paddedDimensions, paddedDimensions, 1, panels,
                scores + keys.lowerBound, block.kernel.stride, block.rows.count,
                (keys.count + 15) / 16 * 16, d, false)
        }
    }

    /// `weights [block, keys]` times the rows of the keys: one row for each of the block, `paddedDimensions` apart.
    func weightedRows(
        _ block: AttentionBlock, _ weights: UnsafePointer<Float>, _ rows: UnsafePointer<Float>,
        to out: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
    ) {
        let padded = paddedDimensions
        if block.keys.isEmpty { out.update(repeating: 0, count: block.rows.count * padded) }
        for (i, keys) in block.keys.enumerated() {
            let panels = kk_panels_f32(
                data: rows + keys.lowerBound * padded, panel_stride: 32, row_stride: padded)
            scratch.kernels.pointee.multiply(
                weights + keys.lowerBound, block.kernel.stride, 1, panels, out, padded,
                block.rows.count, padded, keys.count, i > 0)
        }
    }
}
