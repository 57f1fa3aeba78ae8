import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct ResamplingTests {
    private let x = Tensor(shape: [1, 1, 3, 4], elements: [1, 5, 2, 0, 7, 3, 8, -1, -2, 4, 6, 9])

    @Test func `the greatest element of each window`() {
        #expect(x.maxPool(window: 2).elements == [7, 8])
        #expect(x.maxPool(window: 2, stride: 1).elements == [7, 8, 8, 7, 8, 9])
        #expect(x.maxPool(window: 3, stride: 2, padding: 1).elements == [7, 8, 7, 9])
        #expect(x.maxPool(window: [1, 2]).elements == [5, 2, 7, 8, 4, 9])
        #expect((x * -1).maxPool(window: 3, padding: 1).elements == [-1, 1])
    }

    @Test func `NaN is the greatest, and minus infinity is a value`() {
        let odd = Tensor(shape: [1, 1, 4], elements: [.nan, 3, -.infinity, -.infinity])
        let pooled = odd.maxPool(window: 2, spatialAxes: 1)
        #expect(pooled.elements[0].isNaN)
        #expect(pooled.elements[1] == -.infinity)
    }

    @Test func `means of windows`() {
        #expect(x.averagePool(window: 2).elements == [4, 2.25])
        #expect(x.averagePool(window: 2, padding: 1).elements == [0.25, 1.75, 0, 1.25, 5.25, 2])
        #expect(
            x.averagePool(window: 2, padding: 1, countingPadding: false).elements
                == [1, 3.5, 0, 2.5, 5.25, 4])
        #expect(x.adaptiveAveragePool([2, 2]).elements == [4, 2.25, 3, 5.5])
        #expect(abs(x.adaptiveAveragePool([1, 1]).item - 3.5) < 1e-6)
        #expect(x.globalAveragePool().shape == [1, 1])
        #expect(abs(x.globalAveragePool().item - 3.5) < 1e-6)
    }

    @Test func `nearest and linear interpolation`() {
        let line = Tensor(shape: [1, 1, 3], elements: [0, 4, 8])
        #expect(line.upsampledNearest(to: [5]).elements == [0, 0, 4, 4, 8])
        #expect(line.upsampledNearest(factor: 2, spatialAxes: 1).elements == [0, 0, 4, 4, 8, 8])
        #expect(line.upsampledLinear(factor: 2, spatialAxes: 1).elements == [0, 1, 3, 5, 7, 8])
        #expect(line.upsampledLinear(to: [5], aligningCorners: true).elements == [0, 2, 4, 6, 8])
        #expect(line.upsampledLinear(to: [1], aligningCorners: true).elements == [0])
        #expect(x.upsampledLinear(to: [3, 4]).elements == x.elements)
    }

    @Test func `no images, and axes of length one`() {
        let none = Tensor.zeros([0, 2, 4, 4])
        #expect(none.maxPool(window: 2).shape == [0, 2, 2, 2])
        #expect(none.averagePool(window: 2).shape == [0, 2, 2, 2])
        #expect(none.upsampledLinear(factor: 3).shape == [0, 2, 12, 12])
        let point = Tensor.ones([1, 1, 1, 1])
        #expect(point.maxPool(window: 3, padding: 1).elements == [1])
        #expect(point.upsampledLinear(factor: 2).elements == [1, 1, 1, 1])
    }
}
