import CKernels
import KuklaNumerics
package import KuklaTensor

extension Tensor {
    /// The inner products of all pairs of an example's vectors.
    ///
    /// *Shapes:* `[n, fields * width]`, and `first [n, width]` or `[width]`, the same for all, a vector before these; result
    /// `[n, m (m - 1) / 2]` for m vectors in all: pair (i, j), j < i, at `i (i - 1) / 2 + j`. One pass over memory in each
    /// direction; no product is computed twice.
    package func fieldProducts(with first: Tensor?, width: Int) -> Tensor {
        let n = shape[0]
        let count = shape[1] / width
        let m = count + (first == nil ? 0 : 1)
        let products = FieldProducts(
            width: width, count: count, pairs: m * (m - 1) / 2, firstStride: first?.rank == 2 ? width : 0)
        let vectors = self
        let result = products.forward(n, vectors, first)
        return result.recorded("fieldProducts", from: [self] + (first.map { [$0] } ?? [])) {
            gradient, accumulator in
            Tape.requireFirstOrder("fieldProducts")
            let slopes = products.backward(n, gradient, vectors, first)
            accumulator.add(slopes.vectors, to: vectors)
            if let first, let slope = slopes.first { accumulator.add(slope, to: first) }
        }
    }
}

/// The lengths of the products of one example's vectors.
private struct FieldProducts: Sendable {
    let width, count, pairs: Int
    /// Floats from the first vector of an example to that of the next; 0 where all have the same.
    let firstStride: Int

    func forward(_ n: Int, _ vectors: Tensor, _ first: Tensor?) -> Tensor {
        let kernels = trainingKernels
        return Tensor(shape: [n, pairs]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(n, grain: rowGrain(4 * (count + 1) * width)) { rows in
                let at = rows.lowerBound
                kernels.pair_products(
                    first.map { $0.pointer + at * firstStride }, firstStride,
                    vectors.pointer + at * count * width, rows.count, count, width, to + at * pairs)
            }
        }
    }

    /// The gradients of the vectors and of the first one.
    func backward(
        _ n: Int, _ gradient: Tensor, _ vectors: Tensor, _ first: Tensor?
    ) -> (vectors: Tensor, first: Tensor?) {
        let kernels = trainingKernels
        let isShared = first != nil && firstStride == 0
        let heads = first == nil || isShared ? nil : AlignedStorage<Float>(uninitialized: n * width)
        var shared: Tensor?
        let slope = Tensor(shape: vectors.shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            let body = { @Sendable (rows: Range<Int>, sums: UnsafeMutablePointer<Float>?) in
                let at = rows.lowerBound
                kernels.pair_product_slopes(
                    gradient.pointer + at * pairs, first.map { $0.pointer + at * firstStride }, firstStride,
                    vectors.pointer + at * count * width, rows.count, count, width, to + at * count * width,
                    sums ?? heads.map { $0.pointer + at * width }, isShared)
            }
            let columns = 4 * (count + 1) * width
            if isShared {
                shared = summingOverRows(n, columns: columns, width: width) { body($0, $1) }
            } else {
                tensorFor(n, grain: rowGrain(columns)) { body($0, nil) }
            }
        }
        return (slope, shared ?? heads.map { Tensor(shape: [n, width], storage: $0) })
    }
}
