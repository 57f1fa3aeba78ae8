import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct ChannelTests {
    @Test(arguments: [[3, 4], [20_011, 4], [5, 4, 7], [2, 4, 3, 5], [1, 4, 33, 17]])
    func `normalized channels have mean beta and deviation gamma`(_ shape: [Int]) {
        var random = RandomSource(seed: 5)
        let x = Tensor.normal(shape, mean: 3, deviation: 2, using: &random)
        let (gamma, beta) = (Tensor([1, 2, 0.5, 3]), Tensor([0, 1, -1, 5]))
        let (y, mean, variance) = x.batchNorm(gamma, beta, epsilon: 0)
        let again = x.batchNorm(gamma, beta, mean: mean, variance: variance, epsilon: 0)
        for channel in 0..<4 {
            let plane = shape.dropFirst(2).reduce(1, *)
            func values(_ t: Tensor) -> [Double] {
                var result: [Double] = []
                for n in 0..<shape[0] {
                    let first = (n * 4 + channel) * plane
                    result += t.elements[first..<first + plane].map(Double.init)
                }
                return result
            }
            let y = values(y)
            let average = y.reduce(0, +) / Double(y.count)
            let spread = y.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(y.count)
            #expect(abs(average - Double(beta[channel])) < 1e-5)
            #expect(abs(spread.squareRoot() - Double(gamma[channel])) < 1e-5)
            #expect(zip(y, values(again)).allSatisfy { abs($0 - $1) < 2e-5 })
        }
    }

    // Two ways through memory, one definition.
    @Test(arguments: [[1, 3], [2, 1], [130, 37], [700, 300]])
    func `channels in columns are normalized like channels in planes`(_ shape: [Int]) {
        var random = RandomSource(seed: 7)
        let x = Tensor.normal(shape, mean: 1, using: &random)
        let (gamma, beta) = (
            Tensor.normal([shape[1]], using: &random), Tensor.normal([shape[1]], using: &random)
        )
        let slopes = Tensor.normal(shape, using: &random)
        let inputs = [x, gamma, beta].map { $0.watched() }
        let columns = inputs[0].batchNorm(inputs[1], inputs[2], epsilon: 0.01).result
        let planes = inputs[0].transposed().reshaped([1, shape[1], shape[0]])
            .batchNorm(inputs[1], inputs[2], epsilon: 0.01).result
            .reshaped([shape[1], shape[0]]).transposed()
        #expect((columns - planes).map(abs).max().item < 1e-5)
        let found = gradients(of: (columns * slopes).sum(), withRespectTo: inputs)
        let expected = gradients(of: (planes * slopes).sum(), withRespectTo: inputs)
        for (a, b) in zip(found, expected) { #expect((a - b).map(abs).max().item < 1e-4) }
    }

    @Test func `groups of one channel and of all channels`() {
        var random = RandomSource(seed: 6)
        let x = Tensor.normal([2, 6, 3, 5], mean: -2, using: &random)
        // One group a channel: every image is its own batch of one.
        let each = x.groupNorm(groups: 6)
        for image in 0..<2 {
            let alone = x[rows: image..<image + 1].batchNorm().result
            #expect(
                zip(each[rows: image..<image + 1].elements, alone.elements).allSatisfy { abs($0 - $1) < 1e-5 }
            )
        }
        let all = x.groupNorm(groups: 1)
        #expect(all[rows: 0..<1].elements.reduce(0, +).magnitude < 1e-3)
    }

    @Test func `channels last and back`() {
        let x = Tensor.range(24).reshaped([2, 3, 2, 2])
        let last = x.channelsLast()
        #expect(last.shape == [2, 2, 2, 3])
        #expect(last.elements.prefix(6) == [0, 4, 8, 1, 5, 9])
        #expect(last.channelsFirst().elements == x.elements)
        #expect(Tensor.zeros([0, 3, 2]).channelsLast().shape == [0, 2, 3])
        #expect(Tensor.zeros([0, 3, 2]).groupNorm(groups: 3).shape == [0, 3, 2])
    }
}
