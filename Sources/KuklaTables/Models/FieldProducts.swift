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
        let extra = first == nil ? 0 : 1
        let m = count + extra
        let pairs = m * (m - 1) / 2
        let isShared = first?.rank == 1
        let vectors = self
        let plan = FieldProductPlan(
            width: width, count: count, extra: extra, pairs: pairs, isShared: isShared)
        let result = Tensor(shape: [n, pairs]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(n, grain: rowGrain(4 * m * width)) { rows in
                plan.forward(rows, vectors.pointer, first?.pointer, to)
            }
        }
        return result.recorded("fieldProducts", from: [self] + (first.map { [$0] } ?? [])) {
            gradient, accumulator in
            Tape.requireFirstOrder("fieldProducts")
            var slope = Tensor(shape: [0, 0], elements: [])
            let head = plan.backward(gradient, vectors, first, into: &slope)
            accumulator.add(slope, to: vectors)
            if let first, let head { accumulator.add(head, to: first) }
        }
    }
}

/// The lengths of the products of one example's vectors, and the loops.
private struct FieldProductPlan: Sendable {
    let width, count, extra, pairs: Int
    /// Whether the first vector is one for all examples.
    let isShared: Bool

    // The vector of number i: the first one, or one of the example's own.
    private func vector(
        _ i: Int, _ row: Int, _ vectors: UnsafePointer<Float>, _ first: UnsafePointer<Float>?
    ) -> UnsafePointer<Float> {
        if extra == 1, i == 0, let first { return first + (isShared ? 0 : row * width) }
        return vectors + (row * count + i - extra) * width
    }

    func forward(
        _ rows: Range<Int>, _ vectors: UnsafePointer<Float>, _ first: UnsafePointer<Float>?,
        _ out: UnsafeMutablePointer<Float>
    ) {
        let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
        for row in rows {
            var to = out + row * pairs
            for i in 1..<max(1, count + extra) {
                let mine = vector(i, row, vectors, first)
                // The others of the example lie one behind the other.
                if extra == 1 { dot(mine, vector(0, row, vectors, first), 1, width, to) }
                dot(mine, vectors + row * count * width, i - extra, width, to + extra)
                to += i
            }
        }
    }

    /// Fills `slope` with the gradient of the vectors, and returns that of the first one.
    func backward(
        _ gradient: Tensor, _ vectors: Tensor, _ first: Tensor?, into slope: inout Tensor
    ) -> Tensor? {
        let n = gradient.shape[0]
        let heads = first == nil || isShared ? nil : AlignedStorage<Float>(uninitialized: n * width)
        var shared: Tensor?
        slope = Tensor(shape: vectors.shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            let body = { @Sendable (rows: Range<Int>, sums: UnsafeMutablePointer<Float>?) in
                for row in rows {
                    let head = heads.map { $0.pointer + row * width }
                    head?.update(repeating: 0, count: width)
                    backward(
                        row, gradient.pointer + row * pairs, vectors.pointer, first?.pointer,
                        to + row * count * width, head ?? sums)
                }
            }
            let columns = 4 * (count + extra) * width
            if isShared {
                shared = summingOverRows(n, columns: columns, width: width) { body($0, $1) }
            } else {
                tensorFor(n, grain: rowGrain(columns)) { body($0, nil) }
            }
        }
        return shared ?? heads.map { Tensor(shape: [n, width], storage: $0) }
    }

    private func backward(
        _ row: Int, _ gradient: UnsafePointer<Float>, _ vectors: UnsafePointer<Float>,
        _ first: UnsafePointer<Float>?, _ slope: UnsafeMutablePointer<Float>,
        _ head: UnsafeMutablePointer<Float>?
    ) {
        slope.update(repeating: 0, count: count * width)
        var g = gradient
        for i in 1..<max(1, count + extra) {
            let a = vector(i, row, vectors, first)
            let da = slope + (i - extra) * width
            for j in 0..<i {
                let isHead = extra == 1 && j == 0
                let b = vector(j, row, vectors, first)
                exchange(g[j], a, b, da, isHead ? head : slope + (j - extra) * width)
            }
            g += i
        }
    }

    // The gradient of a product of a and b, times `weight`: b for a, and a for b.
    @inline(__always)
    private func exchange(
        _ weight: Float, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        _ da: UnsafeMutablePointer<Float>, _ db: UnsafeMutablePointer<Float>?
    ) {
        guard let db else {
            for k in 0..<width { da[k] += weight * b[k] }
            return
        }
        var k = 0
        // Both in one pass, eight at a time: a plain loop must assume that da and db overlap.
        while k + 8 <= width {
            let (x, y) = (load(a + k), load(b + k))
            store(load(da + k) + weight * y, da + k)
            store(load(db + k) + weight * x, db + k)
            k += 8
        }
        while k < width {
            da[k] += weight * b[k]
            db[k] += weight * a[k]
            k += 1
        }
    }

    @inline(__always)
    private func load(_ from: UnsafePointer<Float>) -> SIMD8<Float> {
        UnsafeRawPointer(from).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    private func store(_ value: SIMD8<Float>, _ to: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(to).storeBytes(of: value, as: SIMD8<Float>.self)
    }
}
