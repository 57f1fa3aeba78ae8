import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct ConvolutionTests {
    /// All indices of `shape`, in row-major order.
    private static func indices(_ shape: [Int]) -> [[Int]] {
        shape.reduce([[]]) { done, length in done.flatMap { index in (0..<length).map { index + [$0] } } }
    }

    private static func position(_ index: [Int], in shape: [Int]) -> Int {
        zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
    }

    /// The definition, element by element, in double.
    private static func reference(
        _ draw: ConvolutionDraw, _ x: Tensor, _ weight: Tensor, _ bias: Tensor
    ) -> (shape: [Int], values: [Double]) {
        let rank = draw.stride.count
        let kernel = Array(weight.shape.dropFirst(2))
        let lengths = (0..<rank).map { i -> Int in
            let reach = draw.dilation[i] * (kernel[i] - 1) + 1
            return (x.shape[i + 2] + 2 * draw.padding[i] - reach) / draw.stride[i] + 1
        }
        let shape = [x.shape[0], weight.shape[0]] + lengths
        let (groupInputs, groupOutputs) = (x.shape[1] / draw.groups, weight.shape[0] / draw.groups)
        let (xs, ws, bs) = (x.elements, weight.elements, bias.elements)
        let values = indices(shape).map { index -> Double in
            var sum = Double(bs[index[1]])
            for tap in indices([groupInputs] + kernel) {
                let place = (0..<rank).map { i -> Int in
                    index[i + 2] * draw.stride[i] - draw.padding[i] + tap[i + 1] * draw.dilation[i]
                }
                guard (0..<rank).allSatisfy({ place[$0] >= 0 && place[$0] < x.shape[$0 + 2] }) else {
                    continue
                }
                let channel = index[1] / groupOutputs * groupInputs + tap[0]
                let from = position([index[0], channel] + place, in: x.shape)
                sum += Double(xs[from]) * Double(ws[position([index[1]] + tap, in: weight.shape)])
            }
            return sum
        }
        return (shape, values)
    }

    private static func difference(_ a: Tensor, _ b: [Double]) -> Double {
        zip(a.elements, b).map { abs(Double($0) - $1) }.max() ?? 0
    }

    @Test(arguments: 1...3, [false, true])
    func `agrees with the definition`(rank: Int, isDepthwise: Bool) {
        for seed in 1...30 {
            var random = RandomSource(seed: UInt64(seed))
            let draw = ConvolutionDraw(rank: rank, isDepthwise: isDepthwise, &random)
            let result = draw.convolve(draw.x, draw.weight, draw.bias)
            let (shape, values) = Self.reference(draw, draw.x, draw.weight, draw.bias)
            #expect(result.shape == shape, "seed \(seed)")
            #expect(Self.difference(result, values) < 2e-5, "seed \(seed) \(shape)")
        }
    }

    /// <convolve(x), y> == <x, transposed(y)> where the lengths fit: the transpose is the transpose.
    @Test(arguments: 1...3, [false, true])
    func `the transposed convolution is the transpose`(rank: Int, isDepthwise: Bool) {
        for seed in 1...30 {
            var random = RandomSource(seed: UInt64(seed))
            let draw = ConvolutionDraw(rank: rank, isDepthwise: isDepthwise, &random)
            let x = draw.transposed(draw.y, draw.weight, nil)
            let other = Tensor.normal(x.shape, using: &random)
            let y = draw.convolve(other, draw.weight, nil)
            guard y.shape == draw.y.shape else { continue }  // output padding of a whole stride
            let left = (y * draw.y).sum().item
            let right = (x * other).sum().item
            #expect(abs(left - right) <= 1e-4 * (1 + abs(left)), "seed \(seed): \(left) \(right)")
        }
    }

    /// Shapes of every way of tiling: joined small images, cut large ones, one tap.
    @Test(arguments: [
        ([9, 40, 4, 4], [24, 40, 3, 3], 1), ([9, 300, 5, 4], [3, 300, 3, 3], 1),
        ([2, 40, 22, 22], [4, 40, 5, 5], 1), ([2, 40, 22, 21], [4, 40, 5, 5], 2),
        ([9, 32, 14, 14], [8, 32, 3, 3], 1),
        ([5, 3, 2, 1], [4, 3, 5, 5], 2),
        ([3, 16, 30, 30], [8, 16, 1, 1], 0), ([9, 16, 3, 3], [8, 16, 1, 1], 0),
        ([1, 3, 50, 40], [4, 3, 5, 5], 2), ([0, 3, 8, 8], [4, 3, 3, 3], 0),
    ])
    func `every tiling gives the same numbers`(_ x: [Int], _ weight: [Int], _ padding: Int) {
        var random = RandomSource(seed: 7)
        let x = Tensor.normal(x, using: &random).watched()
        let weight = Tensor.normal(weight, using: &random).watched()
        let bias = Tensor.normal([weight.shape[0]], using: &random).watched()
        let y = x.convolution2D(weight, bias, padding: AxisLengths(padding))
        let seed = Tensor.normal(y.shape, using: &random)
        let gradients = y.gradients(seed: seed)
        let draw = ConvolutionDraw(
            stride: [1, 1], padding: [padding, padding], dilation: [1, 1], x: x, weight: weight, bias: bias)
        #expect(Self.difference(y, Self.reference(draw, x, weight, bias).values) < 1e-4)
        // The gradients by the definition of the transpose: <y(x + d) - y(x), seed> = <d, gradient>, exactly linear.
        let bump = Tensor.normal(x.shape, using: &random)
        let moved = bump.convolution2D(weight.detached, nil, padding: AxisLengths(padding))
        let left = (moved * seed).sum().item
        let right = gradients[x].map { ($0.dense * bump).sum().item } ?? 0
        #expect(abs(left - right) <= 2e-4 * (10 + abs(left)), "\(left) \(right)")
        let turn = Tensor.normal(weight.shape, using: &random)
        let turned = x.detached.convolution2D(turn, nil, padding: AxisLengths(padding))
        let wanted = (turned * seed).sum().item
        let found = gradients[weight].map { ($0.dense * turn).sum().item } ?? 0
        #expect(abs(wanted - found) <= 2e-4 * (10 + abs(wanted)), "\(wanted) \(found)")
    }

    /// Each tap sees the image moved by a fixed distance, along strided depths and between dilated rows too.
    @Test(arguments: [
        ([1, 1, 1], [1, 1, 1], [1, 1, 1], [3, 3, 3]), ([2, 1, 1], [0, 2, 2], [1, 2, 1], [2, 2, 5]),
        ([1, 1, 1], [1, 0, 2], [1, 1, 2], [3, 2, 3]), ([3, 1, 1], [2, 2, 1], [2, 1, 1], [3, 3, 3]),
    ])
    func `rows as wide as the image agree with the definition`(
        stride: [Int], padding: [Int], dilation: [Int], kernel: [Int]
    ) {
        var random = RandomSource(seed: 5)
        let x = Tensor.normal([2, 3, 4, 6, 19], using: &random)
        let weight = Tensor.normal([4, 3] + kernel, using: &random)
        let bias = Tensor.normal([4], using: &random)
        let draw = ConvolutionDraw(
            stride: stride, padding: padding, dilation: dilation, x: x, weight: weight, bias: bias)
        let y = draw.convolve(x, weight, bias)
        #expect(y.shape.last == 19)
        #expect(Self.difference(y, Self.reference(draw, x, weight, bias).values) < 2e-5)
        // <convolve(d), y> == <d, gradient>.
        let bump = Tensor.normal(x.shape, using: &random)
        let watched = x.watched()
        let gradient = draw.convolve(watched, weight, bias).gradients(seed: y)[watched]
        let left = (draw.convolve(bump, weight, nil) * y).sum().item
        let right = gradient.map { ($0.dense * bump).sum().item } ?? 0
        #expect(abs(left - right) <= 1e-4 * (10 + abs(left)), "\(left) \(right)")
    }

    @Test func `results do not depend on the number of threads`() {
        var random = RandomSource(seed: 3)
        let x = Tensor.normal([6, 8, 20, 20], using: &random).watched()
        let weight = Tensor.normal([12, 8, 3, 3], using: &random).watched()
        func run(_ threads: Int) -> [[Float]] {
            TensorThreads.limited(to: threads) {
                let y = x.convolution2D(weight, padding: 1)
                let gradients = (y * y).sum().gradients(keepingGraph: true)
                return [y.elements] + [x, weight].compactMap { gradients[$0]?.dense.elements }
            }
        }
        #expect(run(1) == run(2))
        #expect(run(1) == run(5))
    }

    @Test func `one number or a list of lengths`() {
        var random = RandomSource(seed: 4)
        let x = Tensor.normal([1, 2, 6, 7], using: &random)
        let weight = Tensor.normal([3, 2, 3, 2], using: &random)
        let stride = 2
        #expect(x.convolution2D(weight, stride: AxisLengths(stride)).shape == [1, 3, 2, 3])
        #expect(x.convolution2D(weight, stride: [1, 2], padding: [0, 1]).shape == [1, 3, 4, 4])
    }
}
