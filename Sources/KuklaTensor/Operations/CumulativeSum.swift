import KuklaNumerics

extension Tensor {
    /// The sum of each element and all before it along `axis`, or all after it where `reversed`; summed in double.
    public func cumulativeSum(axis: Int, reversed: Bool = false) -> Tensor {
        let axis = shape.axis(axis, operation: "cumulativeSum")
        let (outer, length, inner) = shape.split(at: axis)
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes slabs of its own
            tensorFor(outer, grain: Swift.max(1, elementGrain / (length * inner))) { block in
                let sums = AlignedStorage<Double>(uninitialized: inner)
                for o in block {
                    sums.buffer.update(repeating: 0)
                    for l in 0..<length {
                        let at = (o * length + (reversed ? length - 1 - l : l)) * inner
                        let (x, y, sums) = (pointer + at, to + at, sums.pointer)
                        for n in 0..<inner {
                            sums[n] += Double(x[n])
                            y[n] = Float(sums[n])
                        }
                    }
                }
            }
        }.recorded("cumulativeSum", (self, { $0.cumulativeSum(axis: axis, reversed: !reversed) }))
    }
}
