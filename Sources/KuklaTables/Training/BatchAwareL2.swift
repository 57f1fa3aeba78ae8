import KuklaNumerics
package import KuklaTensor

/// L2 over the rows that a batch looks up, each by `1 / n` for an id that training sees n times: frequent ids are held back less.
///
/// The penalty is `strength / 2 sum_j |w_j|^2 / n_j` over the different ids j of the batch, so that each one's gradient is
/// `strength w_j / n_j`, whatever the method of the table; rows outside the batch are not read.
/// *Source:* Zhou et al. 2018, arXiv:1706.06978, section 5.2.
package struct BatchAwareL2 {
    private let strength: Float
    private let occurrences: [[UInt32]]
    /// How often each id stands in the batch; zero between batches.
    private var seen: [[Int32]]

    package init(strength: Float, schema: TableSchema) {
        self.strength = strength
        occurrences = schema.occurrences
        seen = schema.fields.map { [Int32](repeating: 0, count: $0.count) }
    }

    /// The penalty for vectors that were looked up, one after another: `ids` row-major with a column for each of `fields`.
    package mutating func penalty(_ vectors: Tensor, ids: [Int32], fields: [Int], widths: [Int]) -> Tensor {
        // The share of each look-up in its id's penalty.
        var factors = [Float](repeating: 0, count: ids.count)
        forEach(ids, fields) { seen, field, id, _ in seen[field][id] += 1 }
        let occurrences = occurrences
        let strength = strength
        forEach(ids, fields) { seen, field, id, place in
            let total =
                field < occurrences.count && id < occurrences[field].count ? occurrences[field][id] : 1
            factors[place] = strength / (Float(max(1, total)) * Float(seen[field][id]))
        }
        forEach(ids, fields) { seen, field, id, _ in seen[field][id] = 0 }
        return vectors.weightedSquares(factors, widths: fields.map { widths[$0] })
    }

    private mutating func forEach(
        _ ids: [Int32], _ fields: [Int], _ body: (inout [[Int32]], Int, Int, Int) -> Void
    ) {
        var column = 0
        for (place, id) in ids.enumerated() {
            let field = fields[column]
            column = column + 1 == fields.count ? 0 : column + 1
            guard id >= 0, Int(id) < seen[field].count else { continue }
            body(&seen, field, Int(id), place)
        }
    }
}

extension Tensor {
    /// Half the sum of squares of row stretches times their factors: `[n, sum of widths]` with `n * widths.count` factors.
    package func weightedSquares(_ factors: [Float], widths: [Int]) -> Tensor {
        let x = self
        let n = shape[0]
        let width = widths.reduce(0, +)
        contract(
            shape == [n, width] && factors.count == n * widths.count,
            "weightedSquares: \(factors.count) factors for shape \(shape), widths \(widths)")
        var sum = 0.0
        var place = 0
        for i in 0..<factors.count {
            let stretch = widths[i % widths.count]
            var squares: Float = 0
            for k in place..<place + stretch { squares += x.pointer[k] * x.pointer[k] }
            sum += Double(factors[i] * squares)
            place += stretch
        }
        return Tensor(Float(sum / 2)).recorded("weightedSquares", from: [x]) { gradient, accumulator in
            Tape.requireFirstOrder("weightedSquares")
            let scale = gradient.item
            accumulator.add(
                Tensor(shape: x.shape) { out in
                    guard let to = out.baseAddress else { return }
                    var place = 0
                    for i in 0..<factors.count {
                        for k in place..<place + widths[i % widths.count] {
                            to[k] = scale * factors[i] * x.pointer[k]
                        }
                        place += widths[i % widths.count]
                    }
                }, to: x)
        }
    }
}
