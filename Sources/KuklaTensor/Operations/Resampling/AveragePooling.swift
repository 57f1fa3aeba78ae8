import KuklaNumerics

// Means over windows. A box is a product of intervals, so the mean is taken one axis after the other.

extension Tensor {
    /// The mean over windows along the `spatialAxes` last axes (1 to 3) of `[n, c, ...]`.
    ///
    /// `stride` is the window's length where not given. Length of each result axis: `(length + 2 padding - window) / stride + 1`,
    /// rounded down. Zeros beyond the border count as elements where `countingPadding` (PyTorch's default).
    public func averagePool(
        window: AxisLengths, stride: AxisLengths? = nil, padding: AxisLengths = 0, spatialAxes: Int = 2,
        countingPadding: Bool = true
    ) -> Tensor {
        let windows = PoolingWindow.all(
            shape, window: window, stride: stride, padding: padding, spatialAxes: spatialAxes,
            operation: "averagePool")
        return windows.reduce(self) { x, window in
            x.mapped(
                along: window.axis,
                .means(
                    from: window.inputLength, to: window.outputLength,
                    divisor: countingPadding ? window.length : nil, over: window.range))
        }
    }

    /// Means over windows that divide each of the last `outputLengths.count` axes (1 to 3) into the given number of parts.
    ///
    /// Part `i` of `k` runs from `floor(i length / k)` to `ceil((i + 1) length / k)`, as in PyTorch: neighbours overlap where
    /// `k` does not divide the length.
    public func adaptiveAveragePool(_ outputLengths: [Int]) -> Tensor {
        let lead = rank - outputLengths.count
        contract(
            lead >= 1 && outputLengths.allSatisfy { $0 > 0 } && shape[lead...].allSatisfy { $0 > 0 },
            "adaptiveAveragePool: shape \(shape) to \(outputLengths)")
        return outputLengths.enumerated().reduce(self) { x, item in
            let (length, parts) = (shape[lead + item.offset], item.element)
            return x.mapped(
                along: lead + item.offset,
                .means(from: length, to: parts) { i in
                    i * length / parts..<((i + 1) * length + parts - 1) / parts
                })
        }
    }

    /// The mean over all spatial axes: `[n, c, ...]` becomes `[n, c]`.
    public func globalAveragePool() -> Tensor {
        contract(rank >= 3, "globalAveragePool: shape \(shape), expected [images, channels, ...]")
        return mean(axes: Array(2..<rank))
    }
}

/// A window that slides over one axis.
struct PoolingWindow {
    let axis: Int
    let inputLength, outputLength: Int
    let length, stride, padding: Int

    /// The elements that position `position` covers.
    func range(_ position: Int) -> Range<Int> {
        let start = position * stride - padding
        let first = min(max(0, start), inputLength)
        return first..<max(first, min(inputLength, start + length))
    }

    /// The windows of the last `spatialAxes` axes of `shape`.
    static func all(
        _ shape: [Int], window: AxisLengths, stride: AxisLengths?, padding: AxisLengths, spatialAxes: Int,
        operation: StaticString
    ) -> [PoolingWindow] {
        contract(
            spatialAxes >= 1 && spatialAxes <= 3 && shape.count > spatialAxes,
            "\(operation): shape \(shape) with \(spatialAxes) spatial axes")
        let lengths = window.expanded(rank: spatialAxes, minimum: 1, "window", operation: operation)
        let strides = (stride ?? window).expanded(
            rank: spatialAxes, minimum: 1, "stride", operation: operation)
        let paddings = padding.expanded(rank: spatialAxes, minimum: 0, "padding", operation: operation)
        return (0..<spatialAxes).map { i in
            let axis = shape.count - spatialAxes + i
            let room = shape[axis] + 2 * paddings[i] - lengths[i]
            contract(
                2 * paddings[i] <= lengths[i] && room >= 0 && shape[axis] > 0,
                "\(operation): a window of \(lengths[i]) with padding \(paddings[i]) over axis \(axis) of shape \(shape): padding is at most half the window, and the window fits"
            )
            return PoolingWindow(
                axis: axis, inputLength: shape[axis], outputLength: room / strides[i] + 1,
                length: lengths[i], stride: strides[i], padding: paddings[i])
        }
    }
}
