import KuklaNumerics

// Rows that belong to segments (graph neighbours, sets, bags): row i to segment `segments[i]` of `count`, in any order. Made of
// gather and scatter, so each has gradients of gradients.

extension Tensor {
    /// The sum of the rows of each segment: `[rows, ...]` becomes `[count, ...]`; an empty segment is zero.
    public func segmentSum(_ segments: [Int32], count: Int) -> Tensor {
        scatteredAdd(axis: 0, indices: segments, length: count)
    }

    /// The mean of the rows of each segment; an empty segment is zero.
    public func segmentMean(_ segments: [Int32], count: Int) -> Tensor {
        let sums = segmentSum(segments, count: count)
        var sizes = [Float](repeating: 0, count: count)
        for segment in segments { sizes[Int(segment)] += 1 }
        return sums
            * Tensor(
                shape: [count] + [Int](repeating: 1, count: rank - 1),
                elements: sizes.map { 1 / Swift.max($0, 1) })
    }

    /// The greatest element of each segment, column by column; an empty segment is zero. The gradient goes to the first of
    /// equals; NaN counts as greater than all numbers.
    public func segmentMax(_ segments: [Int32], count: Int) -> Tensor {
        let (height, width) = (shape.first ?? 0, shape.dropFirst().reduce(1, *))
        contract(
            rank > 0 && segments.count == height,
            "segmentMax: \(segments.count) segment numbers for the rows of a tensor of shape \(shape)")
        segments.requireBelow(count, of: shape, operation: "segmentMax")
        // The row of each segment's greatest element, -1 before any was seen.
        var best = [Int32](repeating: -1, count: count * width)
        for (row, segment) in segments.enumerated() {
            for n in 0..<width {
                let (at, value) = (Int(segment) * width + n, pointer[row * width + n])
                let known = best[at] < 0 ? -Float.infinity : pointer[Int(best[at]) * width + n]
                if best[at] < 0 || value > known || (value.isNaN && !known.isNaN) { best[at] = Int32(row) }
            }
        }
        guard best.contains(-1) else { return taken(along: 0, indices: best) }
        guard height > 0 else { return Tensor.zeros([count] + shape.dropFirst()) }
        let isEmpty = Tensor(
            shape: [count] + shape.dropFirst(), elements: best.map { $0 < 0 ? 1 : 0 })
        return taken(along: 0, indices: best.map { Swift.max($0, 0) }).filled(with: 0, where: isEmpty)
    }

    /// The softmax over the rows of each segment, column by column: `[rows, ...]` again, and over the rows of a segment it
    /// sums to 1.
    public func segmentSoftmax(_ segments: [Int32], count: Int) -> Tensor {
        let greatest = detached.segmentMax(segments, count: count).gathered(axis: 0, indices: segments)
        let weights = (self - greatest).exp()
        let totals = weights.segmentSum(segments, count: count)
        return weights / totals.gathered(axis: 0, indices: segments)
    }
}
