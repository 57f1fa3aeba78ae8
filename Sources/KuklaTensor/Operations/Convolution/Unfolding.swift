import KuklaNumerics

/// Windows of an image as columns of a matrix (im2col), and the sum of such columns back into the image (col2im).
///
/// *Shapes:* the matrix is `[channels * taps, positions]`; a tile of neighbouring positions is made at a time.
/// *Source:* Chellapilla, Puri and Simard 2006, "High performance convolutional neural networks for document processing".
struct Unfolding {
    private let geometry: ConvolutionGeometry
    /// For each tap of the last axis, the positions at which it lies inside the image.
    private let inside: [Range<Int>]

    init(_ geometry: ConvolutionGeometry) {
        self.geometry = geometry
        inside = (0..<geometry.kernel[2]).map { geometry.positions(axis: 2, tap: $0) }
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

    /// Adds columns back into the image that `unfold` would have read them from.
    func fold(
        _ columns: UnsafePointer<Float>, rowStride: Int, channels: Int, positions: Range<Int>,
        into image: UnsafeMutablePointer<Float>
    ) {
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
