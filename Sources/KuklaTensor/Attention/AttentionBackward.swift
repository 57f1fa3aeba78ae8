import CKernels
import KuklaNumerics

extension AttentionPlan {
    /// Adds the gradients of query, key, value and bias, given that of the result.
    func backward(
        _ gradient: Tensor, output: Tensor, logSums: AlignedStorage<Float>,
        into accumulator: inout GradientAccumulator
    ) {
        let targets = AttentionGradients(plan: self)
        let biasTable = options.bias.trainedTable
        let biasGradient = biasTable.map { AlignedStorage<Float>(zeros: $0.count) }
        forEachUnit(units(summingBias: biasTable != nil), isBackward: true) { unit, scratch in
            for sequence in unit.sequences {
                backward(
                    sequence, keyHead: unit.head, scratch, gradient: gradient, output: output,
                    logSums: logSums.pointer, targets: targets, biasGradient: biasGradient?.pointer)
            }
        }
        targets.add(to: &accumulator)
        if let biasTable, let biasGradient {
            accumulator.add(Tensor(shape: biasTable.shape, storage: biasGradient), to: biasTable)
        }
    }

    private func backward(
        _ sequence: Int, keyHead: Int, _ scratch: AttentionScratch, gradient: Tensor, output: Tensor,
        logSums: UnsafeMutablePointer<Float>, targets: AttentionGradients,
        biasGradient: UnsafeMutablePointer<Float>?
    ) {
        let kernels = scratch.kernels
        let (d, padded, width) = (shape.headDimensions, paddedDimensions, shape.queryWidth)
        let (rows, keyRows) = (queries[sequence], keys[sequence])
        prepare(sequence, scratch)
        let keys = columns(key, head: keyHead, row: keyRows.lowerBound)
        let values = columns(value, head: keyHead, row: keyRows.lowerBound)
        kernels.pointee.pack_transposed(keys.start, keys.stride, keyRows.count, d, scratch.keyPanels)
        kernels.pointee.pack_transposed(
            values.start, values.stride, keyRows.count, d, scratch.valuePanels)
        kernels.pointee.pack_rows(keys.start, keys.stride, keyRows.count, d, scratch.keys, padded)
        scratch.keyGradient.update(repeating: 0, count: keyRows.count * padded)
        scratch.valueGradient.update(repeating: 0, count: keyRows.count * padded)
        for head in keyHead * shape.group..<(keyHead + 1) * shape.group {
            let from = columns(query, head: head, row: rows.lowerBound)
            kernels.pointee.pack_rows(from.start, from.stride, rows.count, d, scratch.queries, padded)
            let place = rows.lowerBound * width + head * d
            kernels.pointee.pack_rows(
                gradient.pointer + place, width, rows.count, d, scratch.outputGradient, padded)
            kernels.pointee.dot_rows(
                scratch.outputGradient, padded, output.pointer + place, width, rows.count, d,
                scratch.perQuery)
            let logSums = logSums + head * queries.total + rows.lowerBound
            let bias = biasOffset(sequence, head: head)
            blocks(of: sequence, head: head, scratch) { block in
                let first = block.rows.lowerBound
                scores(block, scratch.queries, scratch.keyPanels, to: scratch.scores, scratch)
                scores(
                    block, scratch.outputGradient, scratch.valuePanels, to: scratch.scoreGradient, scratch)
                var kernel = block.kernel
                kernels.pointee.softmax_gradient(
                    &kernel, scratch.scores, scratch.scoreGradient, logSums + first,
                    scratch.perQuery + first, biasGradient.map { $0 + (bias.start + first * bias.step) })
                if targets.value != nil {
                    addTransposed(
                        block, scratch.scores, scratch.outputGradient, to: scratch.valueGradient, scratch)
                }
                if targets.key != nil {
                    addTransposed(
                        block, scratch.scoreGradient, scratch.queries, to: scratch.keyGradient, scratch)
                }
                if let query = targets.query {
                    weightedRows(block, scratch.scoreGradient, scratch.keys, to: scratch.output, scratch)
                    let to = query.start + (rows.lowerBound + first) * query.stride + head * d
                    kernels.pointee.scale_rows(
                        scratch.output, padded, nil, to, query.stride, block.rows.count, d)
                }
            }
        }
        for (target, from) in [(targets.key, scratch.keyGradient), (targets.value, scratch.valueGradient)] {
            guard let target else { continue }
            let to = target.start + keyRows.lowerBound * target.stride + keyHead * d
            kernels.pointee.scale_rows(from, padded, nil, to, target.stride, keyRows.count, d)
        }
    }

    // Adds the transpose of `weights [block, keys]` times the block's rows to the rows of the keys.
    private func addTransposed(
        _ block: AttentionBlock, _ weights: UnsafePointer<Float>, _ rows: UnsafePointer<Float>,
        to out: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
    ) {
        let padded = paddedDimensions
        let panels = kk_panels_f32(
            data: rows + block.rows.lowerBound * padded, panel_stride: 32, row_stride: padded)
        for keys in block.keys {
            scratch.kernels.pointee.multiply(
                weights + keys.lowerBound, 1, block.kernel.stride, panels, out + keys.lowerBound * padded,
                padded, keys.count, padded, block.rows.count, true)
        }
    }
}

/// Where the gradients of query, key and value are written: columns of one tensor where they are columns of one.
struct AttentionGradients: @unchecked Sendable {  // every unit writes rows and columns of its own
    struct Target {
        let start: UnsafeMutablePointer<Float>
        let stride: Int
    }
    private(set) var query, key, value: Target?
    private var groups: [(of: Tensor, ranges: [Range<Int>], storage: AlignedStorage<Float>)] = []

    init(plan: AttentionPlan) {
        query = target(plan.query)
        key = target(plan.key)
        value = target(plan.value)
        for group in groups {
            let covered = group.ranges.reduce(0) { $0 + $1.count }
            // Columns that are none of the three.
            if covered < group.of.shape[1] {
                group.storage.pointer.update(repeating: 0, count: group.of.count)
            }
        }
    }

    private mutating func target(_ columns: TensorColumns) -> Target? {
        guard let node = columns.tensor.node else { return nil }
        let stride = columns.tensor.shape[1]
        let found = groups.firstIndex { group in
            group.of.node === node && !group.ranges.contains { $0.overlaps(columns.range) }
        }
        let at = found ?? groups.count
        if found == nil {
            groups.append((columns.tensor, [], AlignedStorage<Float>(uninitialized: columns.tensor.count)))
        }
        groups[at].ranges.append(columns.range)
        return Target(start: groups[at].storage.pointer + columns.range.lowerBound, stride: stride)
    }

    func add(to accumulator: inout GradientAccumulator) {
        for group in groups {
            accumulator.add(Tensor(shape: group.of.shape, storage: group.storage), to: group.of)
        }
    }
}
