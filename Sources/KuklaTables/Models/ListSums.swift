import KuklaNumerics
package import KuklaTensor

// Lists of vectors, one behind the other: what lies between offsets[i] and offsets[i + 1] belongs to example i.

extension Tensor {
    /// The sum, or the mean, of each list's vectors; an empty list is zero.
    ///
    /// *Shapes:* `[events, width]`; n + 1 offsets; result `[n, width]`.
    package func listSums(offsets: [Int32], isMean: Bool = false) -> Tensor {
        let factors: [Float]? =
            isMean
            ? zip(offsets, offsets.dropFirst()).map { 1 / Float(Swift.max(1, $1 - $0)) } : nil
        return listSums(offsets: offsets, factors: factors, weights: nil)
    }

    /// The sum of each list's vectors times their weights, one weight for each event: `[events]`.
    package func listSums(offsets: [Int32], weights: Tensor) -> Tensor {
        listSums(offsets: offsets, factors: nil, weights: weights)
    }

    private func listSums(offsets: [Int32], factors: [Float]?, weights: Tensor?) -> Tensor {
        let n = offsets.count - 1
        let width = shape[1]
        contract(
            Int(offsets[n]) == shape[0] && weights.map { $0.shape == [shape[0]] } ?? true,
            "listSums: \(shape[0]) events, offsets up to \(offsets[n])")
        let vectors = self
        let grain = rowGrain(width * Swift.max(1, shape[0] / Swift.max(1, n)))
        let result = Tensor(shape: [n, width]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(n, grain: grain) { rows in
                let (from, weights) = (vectors.pointer, weights?.pointer)
                for row in rows {
                    let y = to + row * width
                    y.update(repeating: 0, count: width)
                    for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                        let x = from + event * width
                        let weight = weights?[event] ?? factors?[row] ?? 1
                        for k in 0..<width { y[k] += weight * x[k] }
                    }
                }
            }
        }
        return result.recorded("listSums", from: [self] + (weights.map { [$0] } ?? [])) {
            gradient, accumulator in
            Tape.requireFirstOrder("listSums")
            accumulator.add(
                Tensor(shape: vectors.shape) { out in
                    guard let base = out.baseAddress else { return }
                    nonisolated(unsafe) let to = base  // every block writes rows of its own
                    tensorFor(n, grain: grain) { rows in
                        for row in rows {
                            let g = gradient.pointer + row * width
                            for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                                let weight = weights?.pointer[event] ?? factors?[row] ?? 1
                                let y = to + event * width
                                for k in 0..<width { y[k] = weight * g[k] }
                            }
                        }
                    }
                }, to: vectors)
            guard let weights, weights.node != nil else { return }
            accumulator.add(
                Tensor(shape: weights.shape) { out in
                    guard let base = out.baseAddress else { return }
                    nonisolated(unsafe) let to = base  // every block writes elements of its own
                    tensorFor(n, grain: grain) { rows in
                        for row in rows {
                            let g = gradient.pointer + row * width
                            for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                                let x = vectors.pointer + event * width
                                var sum: Float = 0
                                for k in 0..<width { sum += g[k] * x[k] }
                                to[event] = sum
                            }
                        }
                    }
                }, to: weights)
        }
    }

    /// Each list's own row for each of its events: `[n, width]` becomes `[events, width]`.
    func repeatedForLists(offsets: [Int32]) -> Tensor {
        let n = shape[0]
        let width = shape[1]
        let rows = self
        return Tensor(shape: [Int(offsets[n]), width]) { out in
            guard let to = out.baseAddress else { return }
            for row in 0..<n {
                for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                    (to + event * width).update(from: rows.pointer + row * width, count: width)
                }
            }
        }.recorded("repeatedForLists", (self, { $0.listSums(offsets: offsets) }))
    }
}
