import KuklaNumerics
import KuklaTensor
import Testing

/// Segments, pairs and discrete choices by hand; the registry checks their gradients.
@Suite struct SegmentTests {
    private let rows = Tensor(shape: [4, 2], elements: [1, 8, 2, 7, 3, 6, 4, 5])
    private let segments: [Int32] = [2, 0, 2, 0]

    @Test func `segments are reduced whatever their order, empty ones are zero`() {
        #expect(rows.segmentSum(segments, count: 3).elements == [6, 12, 0, 0, 4, 14])
        #expect(rows.segmentMean(segments, count: 3).elements == [3, 6, 0, 0, 2, 7])
        #expect(rows.segmentMax(segments, count: 3).elements == [4, 7, 0, 0, 3, 8])
        #expect((rows * -1).segmentMax(segments, count: 3).elements == [-2, -5, 0, 0, -1, -6])
        #expect(Tensor.zeros([0, 2]).segmentMax([], count: 2).elements == [0, 0, 0, 0])
        #expect(Tensor([1, .nan, 3]).segmentMax([0, 0, 0], count: 1).item.isNaN)
    }

    @Test func `the softmax of a segment is that of its rows, however large they are`() {
        let x = rows * 50
        let got = x.segmentSoftmax(segments, count: 3)
        let first = x.gathered(axis: 0, indices: [0, 2]).softmax(axis: 0).elements
        let second = x.gathered(axis: 0, indices: [1, 3]).softmax(axis: 0).elements
        let expected = Array(first[0..<2] + second[0..<2] + first[2..<4] + second[2..<4])
        #expect(zip(got.elements, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(Tensor.zeros([0, 2]).segmentSoftmax([], count: 2).shape == [0, 2])
    }

    @Test func `segment numbers out of range trap`() async {
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).segmentSum([0, 2], count: 2) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).segmentMax([0], count: 2) }
    }

    @Test func `pairwise distances are those of the rows and never negative`() {
        var random = RandomSource(seed: 1)
        let a = Tensor.normal([2, 5, 9], using: &random), b = Tensor.normal([2, 7, 9], using: &random)
        let got = a.pairwiseSquaredDistances(b)
        let difference = a.unsqueezed(axis: 2) - b.unsqueezed(axis: 1)
        let expected = (difference * difference).sum(axes: [-1])
        #expect(got.shape == [2, 5, 7])
        #expect(zip(got.elements, expected.elements).allSatisfy { abs($0 - $1) < 1e-4 })
        let far = a + 1000
        #expect(far.pairwiseSquaredDistances(far).min().item >= 0)
        let cosines = a.pairwiseCosineSimilarities(a)
        #expect((0..<5).allSatisfy { abs(cosines[1, $0, $0] - 1) < 1e-6 })
    }

    @Test func `diagonals, triangles and products of all with all`() {
        let x = Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6])
        #expect(x.diagonal().elements == [1, 5])
        #expect(x.lowerTriangle().elements == [1, 0, 0, 4, 5, 0])
        #expect(x.lowerTriangle(diagonal: 1).elements == [1, 2, 0, 4, 5, 6])
        #expect(x.upperTriangle().elements == [1, 2, 3, 0, 5, 6])
        #expect(x.upperTriangle(diagonal: 1).elements == [0, 2, 3, 0, 0, 6])
        #expect(Tensor([1, 2]).diagonalMatrix().elements == [1, 0, 0, 2])
        #expect(Tensor.zeros([0, 3]).lowerTriangle().shape == [0, 3])
        #expect(Tensor([1, 2]).outer(Tensor([3, 4, 5])).elements == [3, 4, 5, 6, 8, 10])
        let kronecker = Tensor(shape: [1, 2], elements: [1, 10]).kronecker(x)
        #expect(kronecker.shape == [2, 6])
        #expect(kronecker.elements == [1, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60])
        // [2, 2, 3]: element i of the diagonal of axes 0 and 1, for each of axis 2.
        let cube = Tensor.range(12).reshaped([2, 2, 3])
        #expect(cube.diagonal(0, 1).elements == [0, 9, 1, 10, 2, 11])
    }

    @Test func `masks of choices hold the chosen`() {
        #expect(Tensor.oneHot([2, 0], classes: 3).elements == [0, 0, 1, 1, 0, 0])
        let x = Tensor(shape: [2, 3], elements: [1, 3, 2, 5, 5, 4])
        #expect(x.topKMask(2).elements == [0, 1, 1, 1, 1, 0])
        #expect(x.topKMask(0).elements == [0, 0, 0, 0, 0, 0])
    }

    @Test func `binarized passes the gradient where the input is small`() {
        let x = Tensor([-2, -0.5, 0, 0.5, 2, -.infinity]).watched()
        let y = x.binarized()
        #expect(y.elements == [-1, -1, 1, 1, 1, -1])
        #expect((y * 3).sum().gradients()[x]?.dense.elements == [0, 3, 3, 3, 0, 0])
        let all = x.binarized(gradientWithin: .infinity)
        #expect(all.sum().gradients()[x]?.dense.elements == [1, 1, 1, 1, 1, 1])
    }

    @Test func `gumbel-softmax chooses as softmax says`() {
        let logits = Tensor([0, 1, 2]).broadcast(to: [20_000, 3])
        var random = RandomSource(seed: 1)
        let hard = logits.gumbelSoftmax(temperature: 0.5, isHard: true, using: &random)
        #expect(Set(hard.elements) == [0, 1] && hard.sum().item == 20_000)
        let shares = hard.mean(axes: [0]).elements
        // Four standard deviations of a share of 20,000 draws.
        #expect(zip(shares, Tensor([0, 1, 2]).softmax().elements).allSatisfy { abs($0 - $1) < 0.014 })
        // Hard forward, soft gradient.
        func gradient(_ isHard: Bool) -> [Float]? {
            var random = RandomSource(seed: 2)
            let x = Tensor(shape: [2, 3], elements: [0, 1, 2, 2, 1, 0]).watched()
            let y = x.gumbelSoftmax(temperature: 0.7, isHard: isHard, using: &random)
            return (y * Tensor([1, 2, 4])).sum().gradients()[x]?.dense.elements
        }
        #expect(gradient(true) == gradient(false))
    }
}
