import CKernels
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
    private let windows: kk_windows

    init(shape: [Int], windows: [PoolingWindow]) {
        let lead = Array(shape.dropLast(windows.count))
        input = shape
        output = lead + windows.map(\.outputLength)
        planes = lead.elementCount
        inputPlane = windows.map(\.inputLength).elementCount
        outputPlane = windows.map(\.outputLength).elementCount
        contract(inputPlane <= Int32.max, "maxPool: shape \(shape): places within a plane are 32-bit numbers")
        func three(_ value: (PoolingWindow) -> Int, _ lead: Int32) -> (Int32, Int32, Int32) {
            let all = [Int32](repeating: lead, count: 3 - windows.count) + windows.map { Int32(value($0)) }
            return (all[0], all[1], all[2])
        }
        self.windows = kk_windows(
            input: three(\.inputLength, 1), output: three(\.outputLength, 1), window: three(\.length, 1),
            stride: three(\.stride, 1), padding: three(\.padding, 0))
    }

    private func forPlanes(_ body: @Sendable (Int) -> Void) {
        tensorFor(planes, grain: max(1, elementGrain / max(1, inputPlane))) {
            for plane in $0 { body(plane) }
        }
    }

    func run(_ x: Tensor) -> (Tensor, Places) {
        let places = Places(uninitialized: output.elementCount)
        let result = Tensor(shape: output) { out in
            guard let base = out.baseAddress, !out.isEmpty else { return }
            nonisolated(unsafe) let to = base  // every plane is written once
            let maxWindows = kk_pooling_kernels_for(CPULevel.current.kernelLevel).pointee.max_windows
            forPlanes { plane in
                maxWindows(
                    x.pointer + plane * inputPlane, windows, to + plane * outputPlane,
                    places.pointer + plane * outputPlane)
            }
        }
        return (result, places)
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
