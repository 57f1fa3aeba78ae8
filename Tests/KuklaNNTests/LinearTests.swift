import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct LinearTests {
    @Test func `gradient descent fits a linear map`() {
        var random = RandomSource(seed: 1)
        let truth = Linear(5, 3, using: &random)
        let model = Linear(5, 3, using: &random)
        let x = Tensor.normal([64, 5], using: &random)
        let y = truth(x).detached
        var optimizer = Optimizer(SGD(momentum: 0.9), for: model)
        var losses: [Float] = []
        for _ in 0..<200 {
            let error = model(x) - y
            let loss = (error * error).mean()
            losses.append(loss.item)
            optimizer.update(loss.gradients(), learningRate: 0.1)
        }
        #expect(losses[0] > 0.1)
        #expect(losses[199] < 1e-8)
    }
}
