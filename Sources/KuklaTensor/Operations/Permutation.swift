import KuklaNumerics

extension Tensor {
    /// This tensor with the axes in another order: axis `i` of the result is axis `order[i]` of this one.
    public func permuted(_ order: [Int]) -> Tensor {
        let order = order.map { shape.axis($0, operation: "permuted") }
        contract(
            order.sorted() == Array(shape.indices), "permuted: order \(order) for a tensor of shape \(shape)")
        let result = order.map { shape[$0] }
        let plan = PermutationPlan(shape: shape, order: order)
        if plan.isIdentity {
            // Only axes of length 1 moved: the elements stay where they are.
            return order == Array(shape.indices) ? self : reshaped(result)
        }
        var inverse = order
        for (i, axis) in order.enumerated() { inverse[axis] = i }
        let back = inverse
        return Tensor(shape: result) { out in
            if let to = out.baseAddress, out.count > 0 { plan.run(from: pointer, to: to) }
        }.recorded("permuted", (self, { $0.permuted(back) }))
    }

    /// This tensor with two axes exchanged; the last two where none are named.
    public func transposed(_ a: Int = -2, _ b: Int = -1) -> Tensor {
        var order = Array(shape.indices)
        order.swapAt(
            shape.axis(a, operation: "transposed"), shape.axis(b, operation: "transposed"))
        return permuted(order)
    }
}

/// How a permutation runs through memory. Axes of length 1 are dropped and axes that stay together joined; what remains is
/// either a copy of contiguous stretches or, where the last axis moves, a transposition in tiles.
private struct PermutationPlan: Sendable {
    // For each joined axis, in the order of the result: its length and its stride in the source.
    private var lengths: [Int] = []
    private var strides: [Int] = []

    init(shape: [Int], order: [Int]) {
        var source = shape
        var stride = 1
        for axis in shape.indices.reversed() {
            source[axis] = stride
            stride *= shape[axis]
        }
        for axis in order where shape[axis] != 1 {
            if let last = strides.last, last == source[axis] * shape[axis] {
                lengths[lengths.count - 1] *= shape[axis]
                strides[strides.count - 1] = source[axis]
            } else {
                lengths.append(shape[axis])
                strides.append(source[axis])
            }
        }
    }

    var isIdentity: Bool { lengths.count <= 1 }

    func run(from: UnsafePointer<Float>, to: UnsafeMutablePointer<Float>) {
        if strides[strides.count - 1] == 1 { copy(from, to) } else { transpose(from, to) }
    }

    // The last axis stays: stretches of it, [.., a, b, stretch] with any order before.
    private func copy(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
        let stretch = lengths[lengths.count - 1]
        let (rows, rowStride) = (lengths[lengths.count - 2], strides[strides.count - 2])
        let outer = Array(lengths.dropLast(2))
        let outerStrides = Array(strides.dropLast(2))
        nonisolated(unsafe) let (from, to) = (from, to)  // every block writes rows of its own
        tensorFor(outer.reduce(1, *), grain: max(1, elementGrain / (rows * stretch))) { block in
            for o in block {
                let source = from + Self.offset(o, outer, outerStrides)
                let target = to + o * rows * stretch
                for row in 0..<rows {
                    let (x, y) = (source + row * rowStride, target + row * stretch)
                    if stretch >= 64 {
                        y.update(from: x, count: stretch)
                    } else {
                        for i in 0..<stretch { y[i] = x[i] }
                    }
                }
            }
        }
    }

    // The last axis moves: planes of (the axis that was last, the axis that becomes last), in tiles.
    private func transpose(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
        let last = lengths.count - 1
        let wasLast = strides.firstIndex(of: 1) ?? 0
        let (columns, columnStride) = (lengths[last], strides[last])
        let rows = lengths[wasLast]
        let rowStride = lengths[(wasLast + 1)...].reduce(1, *)
        var targetStrides = lengths
        var stride = 1
        for axis in lengths.indices.reversed() {
            targetStrides[axis] = stride
            stride *= lengths[axis]
        }
        let others = lengths.indices.filter { $0 != last && $0 != wasLast }
        let outer = others.map { lengths[$0] }
        let sources = others.map { strides[$0] }
        let targets = others.map { targetStrides[$0] }
        let bands = (rows + Self.tile - 1) / Self.tile
        nonisolated(unsafe) let (from, to) = (from, to)  // every block writes tiles of its own
        let work = min(rows, Self.tile) * columns
        tensorFor(outer.reduce(1, *) * bands, grain: max(1, elementGrain / work)) { block in
            for piece in block {
                let (o, band) = piece.quotientAndRemainder(dividingBy: bands)
                let source = from + Self.offset(o, outer, sources)
                let target = to + Self.offset(o, outer, targets)
                let range = band * Self.tile..<min(rows, (band + 1) * Self.tile)
                var column = 0
                while column < columns {
                    let end = min(columns, column + Self.tile)
                    Self.transposeTile(
                        source, columnStride, target, rowStride, rows: range, columns: column..<end)
                    column = end
                }
            }
        }
    }

    private static let tile = 32

    // target[r * rowStride + c] = source[c * columnStride + r], four by four where it goes.
    private static func transposeTile(
        _ source: UnsafePointer<Float>, _ columnStride: Int, _ target: UnsafeMutablePointer<Float>,
        _ rowStride: Int, rows: Range<Int>, columns: Range<Int>
    ) {
        var r = rows.lowerBound
        while r + 4 <= rows.upperBound {
            var c = columns.lowerBound
            while c + 4 <= columns.upperBound {
                func load(_ i: Int) -> SIMD4<Float> {
                    UnsafeRawPointer(source + (c + i) * columnStride + r).loadUnaligned(
                        as: SIMD4<Float>.self)
                }
                let (a, b, d, e) = (load(0), load(1), load(2), load(3))
                let rows =
                    [
                        SIMD4(a[0], b[0], d[0], e[0]), SIMD4(a[1], b[1], d[1], e[1]),
                        SIMD4(a[2], b[2], d[2], e[2]), SIMD4(a[3], b[3], d[3], e[3]),
                    ] as InlineArray<4, SIMD4<Float>>
                for i in 0..<4 {
                    UnsafeMutableRawPointer(target + (r + i) * rowStride + c)
                        .storeBytes(of: rows[i], as: SIMD4<Float>.self)
                }
                c += 4
            }
            for c in c..<columns.upperBound {
                for i in 0..<4 { target[(r + i) * rowStride + c] = source[c * columnStride + r + i] }
            }
            r += 4
        }
        for r in r..<rows.upperBound {
            for c in columns { target[r * rowStride + c] = source[c * columnStride + r] }
        }
    }

    // Where the slab number `index` of axes of these lengths begins.
    private static func offset(_ index: Int, _ lengths: [Int], _ strides: [Int]) -> Int {
        var (rest, offset) = (index, 0)
        for axis in lengths.indices.reversed() {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: lengths[axis])
            offset += remainder * strides[axis]
            rest = quotient
        }
        return offset
    }
}
