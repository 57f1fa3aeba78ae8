import KuklaNumerics

// Spread and order statistics along axes: made of sums, products and sorting, so each has gradients of gradients.

extension Tensor {
    /// The mean square distance from the mean over `axes`: the sum of squares divided by `n - correction`.
    ///
    /// `correction` 0 is the variance of a whole population, 1 (PyTorch's default) the unbiased estimate from a sample, which
    /// is not a number for one element. The mean is subtracted first: large means cost no digits.
    public func variance(axes: [Int], correction: Int = 0, keepingAxes: Bool = false) -> Tensor {
        let length = axes.reduce(1) { $0 * shape[shape.axis($1, operation: "variance")] }
        let centered = self - mean(axes: axes, keepingAxes: true)
        return (centered * centered).sum(axes: axes, keepingAxes: keepingAxes) / Float(length - correction)
    }

    /// The square root of `variance`; the slope where it is zero is taken as 0.
    public func standardDeviation(axes: [Int], correction: Int = 0, keepingAxes: Bool = false) -> Tensor {
        let variance = variance(axes: axes, correction: correction, keepingAxes: keepingAxes)
        let isZero = variance.isEqual(to: 0)
        // The root of what is not chosen must not have an infinite slope either.
        return Tensor.select(isZero, Tensor(0), variance.filled(with: 1, where: isZero).sqrt())
    }

    /// The middle element along `axis`, of an even number the mean of the two in the middle (NumPy's median; PyTorch takes
    /// the smaller one).
    public func median(axis: Int, keepingAxes: Bool = false) -> Tensor {
        quantile(0.5, axis: axis, keepingAxes: keepingAxes)
    }

    /// The value below which a `fraction` of the elements along `axis` lie, interpolated linearly between neighbours.
    ///
    /// *Domain:* fraction in `0...1`; NaN counts as greater than all numbers.
    public func quantile(_ fraction: Float, axis: Int, keepingAxes: Bool = false) -> Tensor {
        let result = quantiles([fraction], axis: axis)
        return keepingAxes ? result : result.squeezed(axis: axis)
    }

    /// `quantile` for several fractions, which take the place of `axis`; sorted once.
    /// - Complexity: O(n log n) a lane.
    public func quantiles(_ fractions: [Float], axis: Int) -> Tensor {
        let axis = shape.axis(axis, operation: "quantiles")
        contract(
            shape[axis] > 0 && fractions.allSatisfy { (0...1).contains($0) },
            "quantiles: fractions \(fractions) of axis \(axis) of shape \(shape): expected 0 to 1 of some elements"
        )
        // In double: a float32 place beyond 2^24 would miss its neighbour.
        let places = fractions.map { Double($0) * Double(shape[axis] - 1) }
        let below = places.map { Int32($0) }
        let above = places.map { Int32($0.rounded(.up)) }
        var lengths = [Int](repeating: 1, count: rank)
        lengths[axis] = fractions.count
        let weight = Tensor(
            shape: lengths, elements: zip(places, below).map { Float($0 - Double($1)) })
        let ordered = sorted(axis: axis).values
        let (low, high) = (
            ordered.gathered(axis: axis, indices: below), ordered.gathered(axis: axis, indices: above)
        )
        return low + (high - low) * weight
    }

    /// The product along `axes`, 1 over none. Its gradient is exact where elements are zero.
    public func product(axes: [Int], keepingAxes: Bool = false) -> Tensor {
        let axes = Set(axes.map { shape.axis($0, operation: "product") }).sorted(by: >)
        var result = self
        for axis in axes { result = result.product(axis: axis) }
        if keepingAxes { return result }
        for axis in axes { result = result.squeezed(axis: axis) }
        return result
    }

    /// The product of all elements, a scalar.
    public func product() -> Tensor { product(axes: Array(shape.indices)) }

    // One half times the other until one slice is left: few long products, and no division in the gradient.
    private func product(axis: Int) -> Tensor {
        if shape[axis] == 0 {
            var one = shape
            one[axis] = 1
            return Tensor.ones(one)
        }
        var result = self
        while result.shape[axis] > 1 {
            let half = result.shape[axis] / 2
            let product = result.slice(axis: axis, 0..<half) * result.slice(axis: axis, half..<2 * half)
            let rest = result.slice(axis: axis, 2 * half..<result.shape[axis])
            result = rest.shape[axis] == 0 ? product : Tensor.concatenated([product, rest], axis: axis)
        }
        return result
    }
}
