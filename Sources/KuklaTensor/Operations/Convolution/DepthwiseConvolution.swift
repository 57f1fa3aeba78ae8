import KuklaNumerics

/// The three sums of a convolution in which every output channel looks at one input channel: plain loops over rows, since a
/// matrix product would have one row.
///
/// *Complexity:* each O(images * positions * outputChannels * taps).
struct DepthwiseConvolution {
    private let geometry: ConvolutionGeometry
    private let overlaps: [Overlap]

    /// A stretch of one output row and the input that one tap meets there.
    private struct Overlap {
        let tap, input, output, count: Int
    }

    init(_ geometry: ConvolutionGeometry) {
        self.geometry = geometry
        let g = geometry
        var overlaps: [Overlap] = []
        for a in 0..<g.kernel[0] {
            for b in 0..<g.kernel[1] {
                for c in 0..<g.kernel[2] {
                    let columns = g.positions(axis: 2, tap: c)
                    for z in g.positions(axis: 0, tap: a) {
                        for y in g.positions(axis: 1, tap: b) where !columns.isEmpty {
                            let depth = z * g.stride[0] - g.padding[0] + a * g.dilation[0]
                            let row = y * g.stride[1] - g.padding[1] + b * g.dilation[1]
                            let column =
                                columns.lowerBound * g.stride[2] - g.padding[2] + c * g.dilation[2]
                            overlaps.append(
                                Overlap(
                                    tap: (a * g.kernel[1] + b) * g.kernel[2] + c,
                                    input: (depth * g.input[1] + row) * g.input[2] + column,
                                    output: (z * g.output[1] + y) * g.output[2] + columns.lowerBound,
                                    count: columns.count))
                        }
                    }
                }
            }
        }
        self.overlaps = overlaps
    }

    private func grain(_ planes: Int) -> Int {
        max(1, elementGrain / max(1, geometry.outputPlane * geometry.taps * planes))
    }

    func output(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        into y: UnsafeMutablePointer<Float>
    ) {
        let (g, step) = (geometry, geometry.stride[2])
        // blocks write planes of their own
        nonisolated(unsafe) let (x, weight, bias, y) = (x, weight, bias, y)
        tensorFor(g.images * g.outputChannels, grain: grain(1)) { block in
            for plane in block {
                let channel = plane % g.outputChannels
                let image = plane / g.outputChannels
                let from = x + (image * g.inputChannels + channel / g.groupOutputs) * g.inputPlane
                let to = y + plane * g.outputPlane
                let taps = weight + channel * g.taps
                to.update(repeating: bias.map { $0[channel] } ?? 0, count: g.outputPlane)
                for o in overlaps {
                    let (w, a, b) = (taps[o.tap], from + o.input, to + o.output)
                    if step == 1 {
                        for i in 0..<o.count { b[i] += w * a[i] }
                    } else {
                        for i in 0..<o.count { b[i] += w * a[i * step] }
                    }
                }
            }
        }
    }

    func input(
        _ y: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, into x: UnsafeMutablePointer<Float>
    ) {
        let (g, step) = (geometry, geometry.stride[2])
        nonisolated(unsafe) let (x, weight, y) = (x, weight, y)  // every block writes planes of its own
        tensorFor(g.images * g.inputChannels, grain: grain(g.groupOutputs)) { block in
            for plane in block {
                let (image, group) = (plane / g.inputChannels, plane % g.inputChannels)
                let to = x + plane * g.inputPlane
                to.update(repeating: 0, count: g.inputPlane)
                for channel in group * g.groupOutputs..<(group + 1) * g.groupOutputs {
                    let from = y + (image * g.outputChannels + channel) * g.outputPlane
                    let taps = weight + channel * g.taps
                    for o in overlaps {
                        let (w, a, b) = (taps[o.tap], to + o.input, from + o.output)
                        if step == 1 {
                            for i in 0..<o.count { a[i] += w * b[i] }
                        } else {
                            for i in 0..<o.count { a[i * step] += w * b[i] }
                        }
                    }
                }
            }
        }
    }

    func weight(
        _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, into weight: UnsafeMutablePointer<Float>
    ) {
        let (g, step) = (geometry, geometry.stride[2])
        nonisolated(unsafe) let (x, y, weight) = (x, y, weight)  // every block writes channels of its own
        tensorFor(g.outputChannels, grain: grain(g.images)) { block in
            for channel in block {
                let to = weight + channel * g.taps
                to.update(repeating: 0, count: g.taps)
                for image in 0..<g.images {
                    let from = x + (image * g.inputChannels + channel / g.groupOutputs) * g.inputPlane
                    let side = y + (image * g.outputChannels + channel) * g.outputPlane
                    for o in overlaps {
                        to[o.tap] += dot(from + o.input, step, side + o.output, o.count)
                    }
                }
            }
        }
    }

    // Eight sums at a time: one would wait for each addition.
    @inline(__always)
    private func dot(
        _ a: UnsafePointer<Float>, _ step: Int, _ b: UnsafePointer<Float>, _ count: Int
    ) -> Float {
        var sums = SIMD8<Float>.zero
        var i = 0
        if step == 1 {
            while i + 8 <= count {
                let x = UnsafeRawPointer(a + i).loadUnaligned(as: SIMD8<Float>.self)
                let y = UnsafeRawPointer(b + i).loadUnaligned(as: SIMD8<Float>.self)
                sums += x * y
                i += 8
            }
        }
        var sum = sums.sum()
        while i < count {
            sum += a[i * step] * b[i]
            i += 1
        }
        return sum
    }
}
