import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct ConvolutionLayerTests {
    private struct SmallNet: Module {
        let first: Convolution
        let norm: BatchNorm
        let block: ResidualBlock
        let next: ConvNeXtBlock
        let head: Linear

        init(using random: inout RandomSource) {
            first = Convolution(1, 4, window: [3, 3], padding: 1, using: &random)
            norm = BatchNorm(4)
            block = ResidualBlock(4, 8, stride: 2, using: &random)
            next = ConvNeXtBlock(8, window: 3, layerScale: 0.5, using: &random)
            head = Linear(8, 2, using: &random)
        }

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("first", first)
            visitor.visit("norm", norm)
            visitor.visit("block", block)
            visitor.visit("next", next)
            visitor.visit("head", head)
        }

        func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
            head(next(block(norm(first(x), mode: mode), mode: mode), mode: mode).globalAveragePool())
        }
    }

    @Test func `a small net learns horizontal from vertical stripes`() {
        var random = RandomSource(seed: 2)
        let net = SmallNet(using: &random)
        let x = Tensor(shape: [16, 1, 8, 8]) { out in
            for i in out.indices {
                let (image, row, column) = (i / 64, i / 8 % 8, i % 8)
                let stripe = (image % 2 == 0 ? row : column) % 2
                out[i] = Float(stripe) + 0.3 * random.normal()
            }
        }
        let targets = Tensor(shape: [16, 2]) { for i in $0.indices { $0[i] = i / 2 % 2 == i % 2 ? 1 : 0 } }
        var optimizer = Optimizer(SGD(momentum: 0.9), for: net)
        let mode = ForwardMode.training(RandomStream(seed: 1))
        var losses: [Float] = []
        for _ in 0..<30 {
            let error = net(x, mode: mode) - targets
            let loss = (error * error).mean()
            losses.append(loss.item)
            optimizer.update(loss.gradients(), learningRate: 0.05)
        }
        #expect(losses[29] < 0.1 * losses[0], "\(losses)")
        #expect(net.norm.batchesTracked.value.item == 30)
        let used = net(x, mode: .inference) - targets
        #expect((used * used).mean().item < 0.25)
    }

    @Test func `parameters have the names of PyTorch`() {
        var random = RandomSource(seed: 1)
        let names = Set(SmallNet(using: &random).parameters.map(\.path))
        for name in [
            "first.weight", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
            "block.conv1.weight", "block.bn2.bias", "block.downsample.0.weight",
            "block.downsample.1.running_var",
            "next.dwconv.bias", "next.pwconv1.weight", "next.gamma",
        ] { #expect(names.contains(name), "\(name)") }
        #expect(ResidualBlock(4, 4, using: &random).parameters.allSatisfy { !$0.path.contains("downsample") })
    }

    @Test func `running statistics average the batches`() {
        let norm = BatchNorm(1, momentum: 0.5)
        let x = Tensor(shape: [4, 1], elements: [1, 2, 3, 6])
        let y = norm(x, mode: .training(RandomStream(seed: 1)))
        #expect(abs(y.sum().item) < 1e-5)
        #expect(norm.runningMean.value.elements == [1.5])  // (0 + 3) / 2
        #expect(abs(norm.runningVariance.value.item - (1 + 14.0 / 3) / 2) < 1e-5)
        let used = norm(Tensor(shape: [1, 1], elements: [1.5]), mode: .inference)
        #expect(abs(used.item) < 1e-6)
    }

    @Test func `transposed layers undo the stride`() {
        var random = RandomSource(seed: 1)
        let down = Convolution(2, 6, window: [4, 4], stride: 2, padding: 1, using: &random)
        let up = TransposedConvolution(6, 2, window: [4, 4], stride: 2, padding: 1, using: &random)
        let x = Tensor.normal([3, 2, 8, 12], using: &random)
        #expect(down(x).shape == [3, 6, 4, 6])
        #expect(up(down(x)).shape == x.shape)
        #expect(GroupNorm(groups: 3, channels: 6)(down(x)).shape == [3, 6, 4, 6])
    }

    @Test func `initial weights have the spread that they should`() {
        var random = RandomSource(seed: 1)
        func deviation(_ t: Tensor) -> Float { (t * t).mean().item.squareRoot() }
        let shape = [64, 32, 3, 3]
        #expect(abs(deviation(.kaimingNormal(shape, using: &random)) - (2.0 / 288).squareRoot()) < 1e-3)
        #expect(abs(deviation(.kaimingUniform(shape, using: &random)) - (2.0 / 288).squareRoot()) < 1e-3)
        #expect(abs(deviation(.xavierNormal(shape, using: &random)) - (2.0 / 864).squareRoot()) < 1e-3)
        #expect(abs(deviation(.xavierUniform(shape, using: &random)) - (2.0 / 864).squareRoot()) < 1e-3)
        #expect(abs(deviation(.uniformFanIn(shape, using: &random)) - (1.0 / 864).squareRoot()) < 1e-3)
        let cut = Tensor.truncatedNormal(shape, deviation: 0.02, using: &random)
        #expect(cut.elements.allSatisfy { abs($0) <= 0.04 })
        #expect(abs(deviation(cut) - 0.02 * 0.8796) < 2e-4)
    }
}
