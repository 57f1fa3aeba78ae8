import KuklaNumerics

extension Tensor {
    /// The greatest element of windows along the `spatialAxes` last axes (1 to 3) of `[n, c, ...]`.
    ///
    /// `stride` is the window's length where not given; nothing beyond the border is ever greatest. The first of equal elements
    /// gets the gradient; NaN wins over every number.
    public func maxPool(
        window: AxisLengths, stride: AxisLengths? = nil, padding: AxisLengths = 0, spatialAxes: Int = 2
    ) -> Tensor {
        let windows = PoolingWindow.all(
            shape, window: window, stride: stride, padding: padding, spatialAxes: spatialAxes,
            operation: "maxPool")
        let pool = MaximumPool(shape: shape, windows: windows)
        let (result, places) = pool.run(self)
        return result.recorded("maxPool", (self, { pool.spread($0, to: places) }))
    }
}

/// Where the greatest elements lie: for each element of the result, its number within the plane of the input.
private typealias Places = AlignedStorage<Int32>

private struct MaximumPool: Sendable {
    let input, output: [Int]
    let planes, inputPlane, outputPlane: Int
    // Three spatial axes, leading ones of length 1: the elements that each position covers.
    private let covered: [[Range<Int>]]
    private let height, width: Int

    init(shape: [Int], windows: [PoolingWindow]) {
        let lead = Array(shape.dropLast(windows.count))
        input = shape
        output = lead + windows.map(\.outputLength)
        planes = lead.elementCount
        inputPlane = windows.map(\.inputLength).elementCount
        outputPlane = windows.map(\.outputLength).elementCount
        covered =
            [[Range<Int>]](repeating: [0..<1], count: 3 - windows.count)
            + windows.map { window in (0..<window.outputLength).map(window.range) }
        let lengths = [1, 1, 1] + windows.map(\.inputLength)
        (height, width) = (lengths[lengths.count - 2], lengths[lengths.count - 1])
    }

    private func forPlanes(_ body: @Sendable (Int) -> Void) {
        tensorFor(planes, grain: max(1, elementGrain / max(1, inputPlane))) {
            for plane in $0 { body(plane) }
        }
    }

    func run(_ x: Tensor) -> (Tensor, Places) {
        let places = Places(uninitialized: output.elementCount)
        let result = Tensor(shape: output) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every plane is written once
            forPlanes { plane in
                let (from, y) = (x.pointer + plane * inputPlane, to + plane * outputPlane)
                greatest(from, y, places.pointer + plane * outputPlane)
            }
        }
        return (result, places)
    }

    private func greatest(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ places: UnsafeMutablePointer<Int32>
    ) {
        var position = 0
        covered[2].withUnsafeBufferPointer { columns in
            for depths in covered[0] {
                for rows in covered[1] {
                    for i in columns.indices {
                        let columns = columns[i]
                        var best = -Float.infinity
                        var place = -1
                        for z in depths {
                            for r in rows {
                                let line = (z * height + r) * width
                                for at in line + columns.lowerBound..<line + columns.upperBound {
                                    let value = x[at]
                                    // `!(value <= best)` lets NaN in, and the first element where all are -infinity.
                                    if !(value <= best) || place < 0 {
                                        (best, place) = (value, at)
                                        if value.isNaN { break }
                                    }
                                }
                                if best.isNaN { break }
                            }
                            if best.isNaN { break }
                        }
                        y[position] = best
                        places[position] = Int32(truncatingIfNeeded: place)
                        position += 1
                    }
                }
            }
        }
    }

    /// The gradient of the input: each element goes to the place that it came from.
    func spread(_ gradient: Tensor, to places: Places) -> Tensor {
        Tensor(shape: input) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every plane is written once
            forPlanes { plane in
                let plane0 = to + plane * inputPlane
                plane0.update(repeating: 0, count: inputPlane)
                let (from, at) = (
                    gradient.pointer + plane * outputPlane, places.pointer + plane * outputPlane
                )
                for i in 0..<outputPlane { plane0[Int(at[i])] += from[i] }
            }
        }.recorded("maxPoolSpread", (gradient, { collect($0, from: places) }))
    }

    private func collect(_ x: Tensor, from places: Places) -> Tensor {
        Tensor(shape: output) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every plane is written once
            forPlanes { plane in
                let (from, at) = (x.pointer + plane * inputPlane, places.pointer + plane * outputPlane)
                for i in 0..<outputPlane { to[plane * outputPlane + i] = from[Int(at[i])] }
            }
        }.recorded("maxPoolCollect", (x, { spread($0, to: places) }))
    }
}
