import KuklaNN
import KuklaNumerics
import KuklaTensor
import Synchronization

/// Looks at what a linear layer reads, and changes nothing: sums the products of its inputs, `X'X`.
final class InputProducts: LinearAdapter {
    private struct Sum {
        /// `[inputs, inputs]`; nil before anything was read.
        var products: Tensor?
        var tokens = 0
    }

    private let sum = Mutex(Sum())

    func visit(_ visitor: inout ModuleVisitor) {}

    func adapt(_ output: Tensor, of x: Tensor, mode: ForwardMode) -> Tensor {
        let rows = x.detached.reshaped([-1, x.shape[x.rank - 1]])
        let products = rows.matmul(rows, transposingSelf: true)
        sum.withLock {
            $0.products = $0.products.map { $0 + products } ?? products
            $0.tokens += rows.shape[0]
        }
        return output
    }

    /// The mean of `x x'` over all rows that were read; nil where there were none.
    var mean: Tensor? {
        sum.withLock { sum in sum.products.map { $0 * (1 / Float(sum.tokens)) } }
    }
}
