import Foundation
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

/// What gradients do not show: values, empty tensors, the same bits on any number of threads, broken contracts.
@Suite struct LearningOperationTests {
    private func normal(_ shape: [Int], seed: UInt64) -> Tensor {
        var random = RandomSource(seed: seed)
        return Tensor.normal(shape, using: &random)
    }

    @Test func `linear is the product plus bias through the activation`() {
        for (rows, inputs, outputs) in [(3, 4, 5), (300, 70, 90), (70, 90, 300), (2, 0, 3)] {
            let x = normal([rows, inputs], seed: 1), weight = normal([outputs, inputs], seed: 2)
            let bias = normal([outputs], seed: 3)
            let expected = (x.matmul(weight, transposingOther: true) + bias).gelu()
            for input in [x, x.watched()] {
                let got = input.linear(weight, bias, activation: .gelu)
                let worst = zip(got.elements, expected.elements).map { abs($0 - $1) }.max() ?? 0
                #expect(got.shape == [rows, outputs] && worst < 1e-5)
            }
        }
    }

    @Test func `cross-entropy leaves out ignored rows and smooths labels`() {
        let x = normal([3, 5], seed: 1)
        let logs = x.logSoftmax()
        let one = -logs[1, 2]
        #expect(abs(x.crossEntropy(targets: [-1, 2, -1], ignoring: -1).item - one) < 1e-6)
        let smooth = x.crossEntropy(targets: [0, 2, 4], labelSmoothing: 0.2, reduction: .none)
        for (i, target) in [0, 2, 4].enumerated() {
            let mean = (0..<5).map { logs[i, $0] }.reduce(0, +) / 5
            #expect(abs(smooth[i] + 0.8 * logs[i, target] + 0.2 * mean) < 1e-5)
        }
        #expect(x.crossEntropy(targets: [-1, -1, -1], ignoring: -1).item.isNaN)
        let gradient = x.watched()
        let loss = gradient.crossEntropy(targets: [-1, 2, -1], ignoring: -1)
        let rows = loss.gradients()[gradient]?.dense.elements ?? []
        #expect(rows[0..<5].allSatisfy { $0 == 0 } && rows[5..<10].contains { $0 != 0 })
    }

    @Test func `rows of a gradient are grouped as a stable sort would`() {
        var random = RandomSource(seed: 1)
        for (count, bound) in [(0, 1), (1, 1), (50, 7), (5000, 300), (3000, 5_000_000)] {
            let rows = (0..<count).map { _ in Int32.random(in: 0..<Int32(bound), using: &random) }
            let groups = RowGroups(rows, below: bound)
            let order = rows.indices.sorted { (rows[$0], $0) < (rows[$1], $1) }
            #expect(groups.positions == order.map { Int32($0) })
            #expect(groups.rows == Set(rows).sorted())
            #expect(groups.starts.count == groups.rows.count + 1)
            for (g, row) in groups.rows.enumerated() {
                let range = Int(groups.starts[g])..<Int(groups.starts[g + 1])
                #expect(!range.isEmpty && groups.positions[range].allSatisfy { rows[Int($0)] == row })
            }
        }
    }

    @Test func `a dense and a sparse gradient add up in either order`() {
        let table = normal([6, 3], seed: 1).watched()
        let both = (table.gathered(rows: [1, 4, 1]).sum() + (table * 2).sum()).gradients()
        #expect(both[table]?.dense.elements == [2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 2, 3, 3, 3, 2, 2, 2])
        let reverse = ((table * 2).sum() + table.gathered(rows: [1, 4, 1]).sum()).gradients()
        #expect(reverse[table]?.dense.elements == both[table]?.dense.elements)
    }

    @Test func `results are the same bits on any number of threads`() {
        func everything() -> [[Float]] {
            let x = normal([700, 96], seed: 1).watched(), y = normal([700, 96], seed: 2)
            let weight = normal([200, 96], seed: 3).watched(), bias = normal([200], seed: 4).watched()
            let gamma = normal([96], seed: 5).watched(), beta = normal([96], seed: 6).watched()
            var random = RandomSource(seed: 7)
            let h = x.dropout(0.2, using: &random).addLayerNorm(y, gamma, beta)
                .linear(weight, bias, activation: .gelu)
            let loss =
                h.crossEntropy(targets: (0..<700).map { Int32($0 % 200) }) + h.softmax().sum()
                + (x * y + gamma).mean()
            let gradients = loss.gradients()
            return [loss.elements]
                + [x, weight, bias, gamma, beta].map { gradients[$0]?.dense.elements ?? [] }
                + [[gradients.norm]]
        }
        let one = TensorThreads.limited(to: 1, everything)
        #expect(TensorThreads.limited(to: 2, everything) == one)
        #expect(TensorThreads.limited(to: 3, everything) == one)
    }

    @Test func `empty tensors go through`() {
        let x = Tensor.zeros([0, 4]).watched(), weight = normal([3, 4], seed: 1).watched()
        let bias = Tensor.zeros([3]).watched()
        let y = x.linear(weight, bias, activation: .gelu)
        let gradients = y.gradients(seed: Tensor.zeros([0, 3]))
        #expect(y.shape == [0, 3] && gradients[weight]?.dense.elements == [Float](repeating: 0, count: 12))
        #expect(gradients[bias]?.dense.elements == [0, 0, 0])
        #expect(x.softmax().shape == [0, 4] && x.logSumExp().shape == [0] && x.gelu().shape == [0, 4])
        #expect(x.layerNorm().shape == [0, 4] && x.sum(axes: [0]).elements == [0, 0, 0, 0])
        #expect(Tensor.zeros([4, 0]).sum(axes: [1]).elements == [0, 0, 0, 0])
        #expect(Tensor.zeros([2, 0]).softmax().shape == [2, 0])
        #expect(weight.gathered(rows: []).shape == [0, 4])
        #expect(weight.embeddingBag([], offsets: [0, 0], .mean).elements == [Float](repeating: 0, count: 8))
        var random = RandomSource(seed: 1)
        #expect(x.dropout(0.5, using: &random).shape == [0, 4])
    }

    @Test func `sums over any axes agree with one after the other`() {
        let x = normal([3, 4, 1, 5, 2], seed: 1)
        for axes in [[0], [1], [4], [0, 1], [1, 3], [0, 4], [2], [0, 1, 2, 3, 4], [3, 4]] {
            var slow = x
            for axis in axes.sorted(by: >) {
                // Through a product with ones, one axis at a time.
                let (outer, length, inner) = slow.shape.split(at: axis)
                var shape = slow.shape
                shape.remove(at: axis)
                slow = Tensor.ones([outer, 1, length]).matmul(slow.reshaped([outer, length, inner]))
                    .reshaped(shape)
            }
            let fast = x.sum(axes: axes)
            let worst = zip(fast.elements, slow.elements).map { abs($0 - $1) }.max() ?? 0
            #expect(fast.shape == slow.shape && worst < 1e-5, "\(axes)")
        }
        let long = normal([100_003], seed: 2)
        let exact = long.elements.reduce(0.0) { $0 + Double($1) }
        #expect(abs(Double(long.sum().item) - exact) < 1e-2)
    }

    @Test func `wrong shapes trap with both of them`() async {
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2, 3]).linear(Tensor.zeros([4, 5]))
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2, 3]).crossEntropy(targets: [0, 3])
        }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).gathered(rows: [2]) }
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).gathered(rows: [-1]) }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2, 3]).addLayerNorm(Tensor.zeros([3, 2]))
        }
        await #expect(processExitsWith: .failure) {
            _ = Tensor.zeros([2, 3]).embeddingBag([0, 1], offsets: [0, 3])
        }
    }
}
