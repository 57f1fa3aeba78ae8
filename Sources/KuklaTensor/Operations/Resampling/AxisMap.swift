import KuklaNumerics

/// A linear map along one axis with a few weights for each element of the result: averages over windows and interpolation
/// are such maps, one for each axis.
///
/// Stored as compressed sparse rows: element `i` of the result is the sum of `weights[j] * x[sources[j]]` over `j` in
/// `starts[i] ..< starts[i + 1]`.
package struct AxisMap: Sendable {
    package let inputLength: Int
    package let outputLength: Int
    fileprivate let starts: [Int]
    fileprivate let sources: [Int]
    fileprivate let weights: [Float]

    /// A map whose element `i` is made of the sources and weights that `row(i)` gives.
    package init(
        from inputLength: Int, to outputLength: Int, row: (Int) -> [(source: Int, weight: Float)]
    ) {
        self.inputLength = inputLength
        self.outputLength = outputLength
        var starts = [0]
        var sources: [Int] = []
        var weights: [Float] = []
        for i in 0..<outputLength {
            for (source, weight) in row(i) {
                assert(source >= 0 && source < inputLength)
                sources.append(source)
                weights.append(weight)
            }
            starts.append(sources.count)
        }
        self.starts = starts
        self.sources = sources
        self.weights = weights
    }

    /// The mean over `range(i)`, divided by `divisor` instead of its length where given.
    package static func means(
        from inputLength: Int, to outputLength: Int, divisor: Int? = nil, over range: (Int) -> Range<Int>
    ) -> AxisMap {
        AxisMap(from: inputLength, to: outputLength) { i in
            let range = range(i)
            return range.map { ($0, 1 / Float(divisor ?? range.count)) }
        }
    }

    /// The map in the other direction, each weight the same: how gradients go.
    var transposed: AxisMap {
        var rows = [[(source: Int, weight: Float)]](repeating: [], count: inputLength)
        for i in 0..<outputLength {
            for j in starts[i]..<starts[i + 1] { rows[sources[j]].append((i, weights[j])) }
        }
        return AxisMap(from: outputLength, to: inputLength) { rows[$0] }
    }
}

extension Tensor {
    /// `map` applied along `axis`: linear, so its gradient is the transposed map, of every order.
    package func mapped(along axis: Int, _ map: AxisMap) -> Tensor {
        let (outer, length, inner) = shape.split(at: axis)
        contract(length == map.inputLength, "axis map of \(map.inputLength) along axis \(axis) of \(shape)")
        var result = shape
        result[axis] = map.outputLength
        return Tensor(shape: result) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            let work = Swift.max(1, Swift.max(length, map.outputLength) * inner)
            tensorFor(outer, grain: Swift.max(1, elementGrain / work)) { block in
                for o in block {
                    map.apply(
                        pointer + o * length * inner, to: to + o * map.outputLength * inner, inner: inner)
                }
            }
        }.recorded("axisMap", (self, { $0.mapped(along: axis, map.transposed) }))
    }
}

extension AxisMap {
    fileprivate func apply(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, inner: Int) {
        starts.withUnsafeBufferPointer { starts in
            sources.withUnsafeBufferPointer { sources in
                weights.withUnsafeBufferPointer { weights in
                    if inner == 1 {
                        for i in 0..<outputLength {
                            var sum: Float = 0
                            for j in starts[i]..<starts[i + 1] { sum += weights[j] * x[sources[j]] }
                            y[i] = sum
                        }
                        return
                    }
                    for i in 0..<outputLength {
                        let row = y + i * inner
                        row.update(repeating: 0, count: inner)
                        for j in starts[i]..<starts[i + 1] {
                            let (from, weight) = (x + sources[j] * inner, weights[j])
                            for k in 0..<inner { row[k] += weight * from[k] }
                        }
                    }
                }
            }
        }
    }
}
