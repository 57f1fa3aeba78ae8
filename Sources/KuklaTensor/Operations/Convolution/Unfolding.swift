import CKernels
import KuklaNumerics

/// Windows of an image as columns of a matrix (im2col), and the sum of such columns back into the image (col2im).
///
/// *Shapes:* the matrix is `[channels * taps, positions]`; a tile of neighbouring positions is made at a time.
/// *Source:* Chellapilla, Puri and Simard 2006, "High performance convolutional neural networks for document processing".
struct Unfolding {
    private let geometry: ConvolutionGeometry
    /// For each tap of the last axis, the positions at which it lies inside the image.
    private let inside: [Range<Int>]
    /// Whether each tap sees the image moved by a fixed number of elements, but for the columns at the border: one long copy
    /// instead of one for each row.
    private let isShift: Bool

    init(_ geometry: ConvolutionGeometry) {
        self.geometry = geometry
        inside = (0..<geometry.kernel[2]).map { geometry.positions(axis: 2, tap: $0) }
        isShift =
            geometry.stride[1] == 1 && geometry.stride[2] == 1 && geometry.input[2] == geometry.output[2]
    }

    /// A stretch of positions within one row of the output.
    private struct Segment {
        let depth, row: Int
        let columns: Range<Int>
        let offset: Int
    }

    private func segments(of positions: Range<Int>) -> [Segment] {
        let (height, width) = (geometry.output[1], geometry.output[2])
        var result: [Segment] = []
        var at = positions.lowerBound
        while at < positions.upperBound {
            let line = at / width
            let end = min(positions.upperBound, (line + 1) * width)
            result.append(
                Segment(
                    depth: line / height, row: line % height,
                    columns: at - line * width..<end - line * width, offset: at - positions.lowerBound))
            at = end
        }
        return result
    }

    /// Writes the windows at `positions` over `channels` channels from `image` on as columns; rows are `stride` apart.
    func unfold(
        _ image: UnsafePointer<Float>, channels: Int, positions: Range<Int>,
        into columns: UnsafeMutablePointer<Float>, rowStride: Int
    ) {
        if isShift {
            return forEachShift(channels: channels, positions: positions) { row, stretch, hits, source, tap in
                let to = columns + row * rowStride - positions.lowerBound
                (to + stretch.lowerBound).update(repeating: 0, count: hits.lowerBound - stretch.lowerBound)
                (to + hits.lowerBound).update(from: image + source, count: hits.count)
                (to + hits.upperBound).update(repeating: 0, count: stretch.upperBound - hits.upperBound)
                clearBorder(to, hits, tap: tap)
            }
        }
        let step = geometry.stride[2]
        forEachRow(channels: channels, positions: positions) { row, segment, line, hits, shift in
            let to = columns + row * rowStride + segment.offset - segment.columns.lowerBound
            guard let line, !hits.isEmpty else {
                (to + segment.columns.lowerBound).update(repeating: 0, count: segment.columns.count)
                return
            }
            (to + segment.columns.lowerBound).update(
                repeating: 0, count: hits.lowerBound - segment.columns.lowerBound)
            (to + hits.upperBound).update(
                repeating: 0, count: segment.columns.upperBound - hits.upperBound)
            let from = image + line
            if step == 1 {
                (to + hits.lowerBound).update(from: from + hits.lowerBound - shift, count: hits.count)
            } else {
                for i in hits { to[i] = from[i * step - shift] }
            }
        }
    }

    /// Adds columns back into the image that `unfold` would have read them from. Columns that lie beyond the border become 0.
    func fold(
        _ columns: UnsafeMutablePointer<Float>, rowStride: Int, channels: Int, positions: Range<Int>,
        into image: UnsafeMutablePointer<Float>
    ) {
        if isShift {
            let add = trainingKernels.arithmetic
            return forEachShift(channels: channels, positions: positions) { row, _, hits, target, tap in
                let from = columns + row * rowStride - positions.lowerBound
                clearBorder(from, hits, tap: tap)
                let to = image + target
                add(to, false, from + hits.lowerBound, false, to, hits.count, kk_arithmetic_add)
            }
        }
        let step = geometry.stride[2]
        forEachRow(channels: channels, positions: positions) { row, segment, line, hits, shift in
            guard let line, !hits.isEmpty else { return }
            let from = columns + row * rowStride + segment.offset - segment.columns.lowerBound
            let to = image + line
            if step == 1 {
                let to = to - shift
                for i in hits { to[i] += from[i] }
            } else {
                for i in hits { to[i * step - shift] += from[i] }
            }
        }
    }

    /// Where `isShift`: runs over all rows of the matrix and, in each, the stretches of positions of one depth. The positions
    /// `hits` of a stretch meet the elements of the image from `element` on, one after the other; all others see nothing.
    @inline(__always)
    private func forEachShift(
        channels: Int, positions: Range<Int>,
        _ body: (_ row: Int, _ stretch: Range<Int>, _ hits: Range<Int>, _ element: Int, _ tap: Int) -> Void
    ) {
        let g = geometry
        let (width, slab, outputSlab) = (g.input[2], g.input[1] * g.input[2], g.output[1] * g.output[2])
        guard !positions.isEmpty else { return }
        let depths = positions.lowerBound / outputSlab...(positions.upperBound - 1) / outputSlab
        var row = 0
        for channel in 0..<channels {
            for a in 0..<g.kernel[0] {
                for b in 0..<g.kernel[1] {
                    let lines = g.positions(axis: 1, tap: b)
                    for c in 0..<g.kernel[2] {
                        for depth in depths {
                            let first = depth * outputSlab
                            let stretch = (first..<first + outputSlab).clamped(to: positions)
                            let z = depth * g.stride[0] - g.padding[0] + a * g.dilation[0]
                            let shift =
                                (b * g.dilation[1] - g.padding[1]) * width + c * g.dilation[2] - g.padding[2]
                            // Within the slab: a border column at its corners would read beyond it.
                            let inSlab = max(0, -shift)..<max(max(0, -shift), slab - shift)
                            let isInside = z >= 0 && z < g.input[0]
                            let rows = isInside ? lines.lowerBound * width..<lines.upperBound * width : 0..<0
                            let within = rows.clamped(to: inSlab)
                            let hits = (first + within.lowerBound..<first + within.upperBound)
                                .clamped(to: stretch)
                            body(
                                row, stretch, hits,
                                (channel * g.input[0] + z) * slab + hits.lowerBound - first + shift, c)
                        }
                        row += 1
                    }
                }
            }
        }
    }

    /// Zeros at those of `positions` whose column tap `tap` of the last axis does not meet.
    @inline(__always)
    private func clearBorder(_ row: UnsafeMutablePointer<Float>, _ positions: Range<Int>, tap: Int) {
        let width = geometry.output[2]
        guard inside[tap].count < width, !positions.isEmpty else { return }
        for line in positions.lowerBound / width...(positions.upperBound - 1) / width {
            let first = line * width
            for i in (first..<first + inside[tap].lowerBound).clamped(to: positions) { row[i] = 0 }
            for i in (first + inside[tap].upperBound..<first + width).clamped(to: positions) { row[i] = 0 }
        }
    }

    /// Runs over all rows of the matrix and the stretches of each. `line` is where the row of the image begins, nil above or
    /// below it; column `i` of `hits` meets element `i * stride - shift` of it.
    @inline(__always)
    private func forEachRow(
        channels: Int, positions: Range<Int>,
        _ body: (_ row: Int, _ segment: Segment, _ line: Int?, _ hits: Range<Int>, _ shift: Int) -> Void
    ) {
        let g = geometry
        let segments = segments(of: positions)
        var row = 0
        for channel in 0..<channels {
            for a in 0..<g.kernel[0] {
                for b in 0..<g.kernel[1] {
                    for c in 0..<g.kernel[2] {
                        let shift = g.padding[2] - c * g.dilation[2]
                        for segment in segments {
                            let z = segment.depth * g.stride[0] - g.padding[0] + a * g.dilation[0]
                            let y = segment.row * g.stride[1] - g.padding[1] + b * g.dilation[1]
                            let isInside = z >= 0 && z < g.input[0] && y >= 0 && y < g.input[1]
                            body(
                                row, segment,
                                isInside
                                    ? ((channel * g.input[0] + z) * g.input[1] + y) * g.input[2] : nil,
                                segment.columns.clamped(to: inside[c]), shift)
                        }
                        row += 1
                    }
                }
            }
        }
    }
}
