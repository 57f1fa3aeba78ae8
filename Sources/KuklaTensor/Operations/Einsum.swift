import KuklaNumerics

/// The sum of products that `equation` describes, after Einstein's convention: `einsum("bij,bjk->bik", a, b)`.
///
/// One letter names one axis; what one operand repeats is its diagonal (`"ii->i"`), what both have and the result lacks is
/// multiplied and summed, what only one has and the result lacks is summed. One or two operands; the result's letters are
/// written out, none twice; spaces do not count. Lowers to permutations, which are left out where the axes lie right, and one
/// batched matrix product.
/// *Differs from NumPy in:* no ellipsis, no implicit result.
/// - Complexity: O(product of the lengths of all letters).
public func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
    Einsum(equation, operands).run()
}

private struct Einsum {
    /// A tensor whose axes have names.
    struct Named {
        var tensor: Tensor
        var labels: [Character]

        /// The tensor with its axes in the order of `labels`, joined by the groups they come in.
        func arranged(_ groups: [[Character]]) -> Tensor {
            let order = groups.joined().compactMap { labels.firstIndex(of: $0) }
            return tensor.permuted(order).reshaped(groups.map { lengths(of: $0).reduce(1, *) })
        }

        func lengths(of wanted: [Character]) -> [Int] {
            wanted.compactMap { label in labels.firstIndex(of: label).map { tensor.shape[$0] } }
        }

        /// Only the axes of `kept`; the sum over all others.
        func summed(keeping kept: Set<Character>) -> Self {
            let axes = labels.indices.filter { !kept.contains(labels[$0]) }
            guard !axes.isEmpty else { return self }
            return Self(tensor: tensor.sum(axes: axes), labels: labels.filter { kept.contains($0) })
        }

        func arranged(_ order: [Character]) -> Tensor {
            tensor.permuted(order.compactMap { labels.firstIndex(of: $0) })
        }

        /// Diagonals in place of letters that come twice.
        func withoutRepeats() -> Self {
            for (i, label) in labels.enumerated() {
                guard let j = labels[(i + 1)...].firstIndex(of: label) else { continue }
                let others = labels.indices.filter { $0 != i && $0 != j }.map { labels[$0] }
                return Self(tensor: tensor.diagonal(i, j), labels: others + [label]).withoutRepeats()
            }
            return self
        }
    }

    let operands: [Named]
    let result: [Character]

    init(_ equation: String, _ tensors: [Tensor]) {
        let shapes = tensors.map { "\($0.shape)" }.joined(separator: " and ")
        func require(_ holds: Bool, _ problem: @autoclosure () -> String) {
            contract(holds, "einsum \"\(equation)\" of shapes \(shapes): \(problem())")
        }
        let sides = equation.filter { $0 != " " }.split(separator: "->", omittingEmptySubsequences: false)
        require(sides.count == 2, "expected one ->, as in \"ij,jk->ik\"")
        let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map { Array($0) }
        require(
            terms.count == tensors.count && (1...2).contains(terms.count),
            "\(terms.count) terms for \(tensors.count) operands, expected one or two")
        result = Array(sides[1])
        var lengths: [Character: Int] = [:]
        for (term, tensor) in zip(terms, tensors) {
            require(
                term.count == tensor.rank, "\"\(String(term))\" names \(term.count) axes of \(tensor.shape)")
            for (label, length) in zip(term, tensor.shape) {
                require(label.isLetter, "\"\(label)\" is not a letter")
                let known = lengths.updateValue(length, forKey: label) ?? length
                require(known == length, "\(label) is \(known) and \(length) long")
            }
        }
        require(Set(result).count == result.count, "the result repeats a letter")
        for label in result { require(lengths[label] != nil, "no operand has the result's \(label)") }
        operands = zip(terms, tensors).map { Named(tensor: $1, labels: $0).withoutRepeats() }
    }

    func run() -> Tensor {
        guard operands.count == 2 else { return operands[0].summed(keeping: Set(result)).arranged(result) }
        let kept = Set(result)
        let a = operands[0].summed(keeping: kept.union(operands[1].labels))
        let b = operands[1].summed(keeping: kept.union(operands[0].labels))
        let shared = a.labels.filter { b.labels.contains($0) }
        let batch = shared.filter { kept.contains($0) }
        let summed = shared.filter { !kept.contains($0) }
        let product = Product(a, b, batch: batch, summed: summed)
        // The operand whose own axes come first in the result is the left one.
        let turned = Product(b, a, batch: batch, summed: summed)
        return (turned.labels == result ? turned : product).run().arranged(result)
    }

    /// What is left of two operands: axes of both, axes that are summed, and axes of one only.
    struct Product {
        let a, b: Named
        let batch, summed, rows, columns: [Character]
        var labels: [Character] { batch + rows + columns }

        init(_ a: Named, _ b: Named, batch: [Character], summed: [Character]) {
            (self.a, self.b, self.batch, self.summed) = (a, b, batch, summed)
            rows = a.labels.filter { !b.labels.contains($0) }
            columns = b.labels.filter { !a.labels.contains($0) }
        }

        func run() -> Named {
            let shape = a.lengths(of: batch + rows) + b.lengths(of: columns)
            return Named(tensor: multiplied().reshaped(shape), labels: labels)
        }

        private func multiplied() -> Tensor {
            if summed.isEmpty { return a.arranged([batch, rows, []]) * b.arranged([batch, [], columns]) }
            if rows.isEmpty && columns.isEmpty {
                return a.arranged([batch, summed]).dot(b.arranged([batch, summed]))
            }
            // Where the summed axes lie first already, the product's flag turns the matrix for nothing.
            let turnsA = a.labels == batch + summed + rows
            let turnsB = b.labels != batch + summed + columns
            let lead = batch.isEmpty ? [] : [batch]
            return a.arranged(lead + (turnsA ? [summed, rows] : [rows, summed]))
                .matmul(
                    b.arranged(lead + (turnsB ? [columns, summed] : [summed, columns])),
                    transposingSelf: turnsA, transposingOther: turnsB)
        }
    }
}
