import KuklaNumerics
import KuklaTensor
import Testing

/// Values, edge cases and precision of statistics; the registry checks their gradients.
@Suite struct StatisticsTests {
    private func close(_ a: [Float], _ b: [Float], within tolerance: Float = 1e-5) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
    }

    @Test func `variance is that of the population, or corrected`() {
        let x = Tensor(shape: [2, 4], elements: [1, 2, 3, 6, 0, 0, 0, 0])
        #expect(close(x.variance(axes: [1]).elements, [3.5, 0]))
        #expect(close(x.variance(axes: [1], correction: 1).elements, [14.0 / 3, 0]))
        #expect(x.variance(axes: [0, 1], keepingAxes: true).shape == [1, 1])
        // A mean of 10,000 would leave no digit of E[x^2] - E[x]^2.
        let far = Tensor([10_000, 10_001, 10_002])
        #expect(close(far.variance(axes: [0]).elements, [2.0 / 3], within: 1e-4))
        #expect(Tensor([5]).variance(axes: [0], correction: 1).item.isNaN)
    }

    @Test func `the deviation of equal elements is zero, and so is its slope`() {
        let x = Tensor([2, 2, 2]).watched()
        let deviation = x.standardDeviation(axes: [0])
        #expect(deviation.item == 0)
        #expect(deviation.gradients()[x]?.dense.elements == [0, 0, 0])
    }

    @Test func `quantiles interpolate between neighbours`() {
        let x = Tensor(shape: [5, 1], elements: [30, 10, 50, 20, 40])
        #expect(close(x.quantiles([0, 0.25, 0.6, 1], axis: 0).elements, [10, 20, 34, 50]))
        #expect(x.median(axis: 0).elements == [30])
        #expect(Tensor([4, 1, 3, 2]).median(axis: 0).item == 2.5)
        #expect(x.quantile(0.5, axis: 1, keepingAxes: true).shape == [5, 1])
        #expect(Tensor([1, .nan, 2]).quantile(1, axis: 0).item.isNaN)
    }

    @Test func `cumulative sums run along any axis and keep the digits of a long one`() {
        let x = Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6])
        #expect(x.cumulativeSum(axis: 1).elements == [1, 3, 6, 4, 9, 15])
        #expect(x.cumulativeSum(axis: 0).elements == [1, 2, 3, 5, 7, 9])
        #expect(x.cumulativeSum(axis: -1, reversed: true).elements == [6, 5, 3, 15, 11, 6])
        #expect(Tensor.zeros([2, 0]).cumulativeSum(axis: 1).shape == [2, 0])
        // In float32, 0.1 a million times is 100,958.
        let long = Tensor.full([1_000_000], 0.1).cumulativeSum(axis: 0)
        #expect(abs(long[999_999] - 100_000) < 0.01)
    }

    @Test func `a product over zeros has the gradient of what is left`() {
        let x = Tensor([2, 0, 3, 4, 5]).watched()
        let product = x.product()
        #expect(product.item == 0)
        #expect(product.gradients()[x]?.dense.elements == [0, 120, 0, 0, 0])
        #expect(Tensor.zeros([2, 0]).product(axes: [1]).elements == [1, 1])
        #expect(
            Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6]).product(axes: [0]).elements == [4, 10, 18])
        #expect(Tensor.ones([2, 3]).product(axes: [0, -1], keepingAxes: true).shape == [1, 1])
    }
}
