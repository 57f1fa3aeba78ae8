import KuklaNumerics

// Longer axes by repetition or interpolation, one axis after the other; shorter ones work too.

extension Tensor {
    /// The last `lengths.count` axes resampled to `lengths`: element `i` of `m` is element `floor(i n / m)` of `n`.
    public func upsampledNearest(to lengths: [Int]) -> Tensor {
        resampled(to: lengths, operation: "upsampledNearest") { n, m in
            AxisMap(from: n, to: m) { i in [(source: i * n / m, weight: 1)] }
        }
    }

    /// Each element of the last `spatialAxes` axes repeated `factor` times along each.
    public func upsampledNearest(factor: Int, spatialAxes: Int = 2) -> Tensor {
        contract(
            spatialAxes <= rank, "upsampledNearest: \(spatialAxes) spatial axes of shape \(shape)")
        return upsampledNearest(to: shape.suffix(spatialAxes).map { $0 * factor })
    }

    /// The last `lengths.count` axes resampled to `lengths` by linear interpolation (bilinear over two axes, trilinear over
    /// three).
    ///
    /// Elements are cells of equal width: element `i` of `m` lies at `(i + 1/2) n / m - 1/2` of `n`, nothing beyond the border.
    /// Where `aligningCorners`, they are points and the first and last ones coincide: it lies at `i (n - 1) / (m - 1)`.
    /// Both as in PyTorch's `interpolate`.
    public func upsampledLinear(to lengths: [Int], aligningCorners: Bool = false) -> Tensor {
        resampled(to: lengths, operation: "upsampledLinear") { n, m in
            AxisMap(from: n, to: m) { i in
                let position =
                    aligningCorners
                    ? (m > 1 ? Double(i) * Double(n - 1) / Double(m - 1) : 0)
                    : Swift.max(0, (Double(i) + 0.5) * Double(n) / Double(m) - 0.5)
                let low = Swift.min(n - 1, Int(position))
                let high = Swift.min(n - 1, low + 1)
                let weight = Float(position - Double(low))
                if high == low || weight == 0 { return [(source: low, weight: 1)] }
                return [(source: low, weight: 1 - weight), (source: high, weight: weight)]
            }
        }
    }

    /// The last `spatialAxes` axes made `factor` times as long by linear interpolation.
    public func upsampledLinear(factor: Int, spatialAxes: Int = 2, aligningCorners: Bool = false) -> Tensor {
        contract(spatialAxes <= rank, "upsampledLinear: \(spatialAxes) spatial axes of shape \(shape)")
        return upsampledLinear(
            to: shape.suffix(spatialAxes).map { $0 * factor }, aligningCorners: aligningCorners)
    }

    private func resampled(
        to lengths: [Int], operation: StaticString, _ map: (_ from: Int, _ to: Int) -> AxisMap
    ) -> Tensor {
        let lead = rank - lengths.count
        contract(
            lead >= 0 && lengths.allSatisfy { $0 > 0 } && shape[Swift.max(0, lead)...].allSatisfy { $0 > 0 },
            "\(operation): shape \(shape) to \(lengths)")
        return lengths.enumerated().reduce(self) { x, item in
            let length = shape[lead + item.offset]
            return length == item.element
                ? x : x.mapped(along: lead + item.offset, map(length, item.element))
        }
    }
}
