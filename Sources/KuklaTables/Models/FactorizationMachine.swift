import KuklaNumerics
package import KuklaTensor

extension Tensor {
    /// The sum of the inner products of all pairs of an example's vectors: `1/2 sum_k ((sum_f v_fk)^2 - sum_f v_fk^2)`.
    ///
    /// *Shapes:* `[n, fields * width]`; result `[n]`. *Source:* Rendle 2010, "Factorization machines", doi:10.1109/ICDM.2010.127,
    /// lemma 3.1.
    package func factorizationMachine(width: Int) -> Tensor {
        let (n, count) = (shape[0], shape[1] / width)
        let vectors = self
        let sums = AlignedStorage<Float>(zeros: n * width)
        let result = Tensor(shape: [n]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(n, grain: rowGrain(2 * count * width)) { rows in
                for row in rows {
                    let sum = sums.pointer + row * width
                    let x = vectors.pointer + row * count * width
                    var squares: Float = 0
                    for f in 0..<count {
                        for k in 0..<width {
                            let v = x[f * width + k]
                            sum[k] += v
                            squares += v * v
                        }
                    }
                    var total: Float = 0
                    for k in 0..<width { total += sum[k] * sum[k] }
                    to[row] = 0.5 * (total - squares)
                }
            }
        }
        return result.recorded("factorizationMachine", from: [self]) { gradient, accumulator in
            Tape.requireFirstOrder("factorizationMachine")
            accumulator.add(
                Tensor(shape: vectors.shape) { out in
                    guard let base = out.baseAddress else { return }
                    nonisolated(unsafe) let to = base  // every block writes rows of its own
                    tensorFor(n, grain: rowGrain(2 * count * width)) { rows in
                        for row in rows {
                            let sum = sums.pointer + row * width
                            let g = gradient.pointer[row]
                            for f in 0..<count {
                                let x = vectors.pointer + (row * count + f) * width
                                let y = to + (row * count + f) * width
                                for k in 0..<width { y[k] = g * (sum[k] - x[k]) }
                            }
                        }
                    }
                }, to: vectors)
        }
    }
}
