package import KuklaTensor

extension PoolingMode {
    /// One vector for each sequence of packed tokens.
    ///
    /// *Shapes:* `tokens [total, width]`, the result `[sequences, width]`. An empty sequence is the caller's error: it has no
    /// first and no greatest token.
    func pool(_ tokens: Tensor, lengths: SequenceLengths) -> Tensor {
        switch self {
        case .firstToken: tokens.gathered(rows: lengths.offsets.dropLast().map { Int32($0) })
        case .lastToken: tokens.gathered(rows: lengths.offsets.dropFirst().map { Int32($0 - 1) })
        case .maximum: tokens.pooledMaximum(lengths)
        case .mean: tokens.pooledSum(lengths) { 1 / Float($0) }
        case .meanRootLength: tokens.pooledSum(lengths) { 1 / Float($0).squareRoot() }
        }
    }
}

extension Tensor {
    /// The sum over the rows of each sequence, times a factor of its length.
    package func pooledSum(
        _ lengths: SequenceLengths, times factor: @escaping @Sendable (_ length: Int) -> Float
    ) -> Tensor {
        let (total, width) = (shape[0], shape[1])
        return Tensor(shape: [lengths.count, width]) { out in
            out.update(repeating: 0)
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(lengths.count, grain: Self.sequenceGrain(lengths, width)) { block in
                for sequence in block {
                    let row = to + sequence * width
                    for token in lengths[sequence] {
                        let from = pointer + token * width
                        for i in 0..<width { row[i] += from[i] }
                    }
                    let scale = factor(lengths[sequence].count)
                    for i in 0..<width { row[i] *= scale }
                }
            }
        }.recorded(
            "pooledSum",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("pooledSum")
                    return Tensor(shape: [total, width]) { out in
                        guard let base = out.baseAddress else { return }
                        nonisolated(unsafe) let to = base  // every block writes rows of its own
                        tensorFor(lengths.count, grain: Self.sequenceGrain(lengths, width)) { block in
                            for sequence in block {
                                let from = gradient.pointer + sequence * width
                                let scale = factor(lengths[sequence].count)
                                for token in lengths[sequence] {
                                    for i in 0..<width { to[token * width + i] = from[i] * scale }
                                }
                            }
                        }
                    }
                }
            ))
    }

    /// The greatest of each component over the rows of each sequence; its gradient goes to the first of equals.
    package func pooledMaximum(_ lengths: SequenceLengths) -> Tensor {
        let (total, width) = (shape[0], shape[1])
        // The row that each result came from.
        var rows = [Int](repeating: 0, count: lengths.count * width)
        for sequence in 0..<lengths.count {
            for i in 0..<width {
                var best = lengths[sequence].lowerBound
                for token in lengths[sequence]
                where pointer[token * width + i] > pointer[best * width + i]
                    || pointer[token * width + i].isNaN
                {
                    best = token
                }
                rows[sequence * width + i] = best
            }
        }
        let chosen = rows
        return Tensor(shape: [lengths.count, width]) { out in
            for at in out.indices { out[at] = pointer[chosen[at] * width + at % width] }
        }.recorded(
            "pooledMaximum",
            (
                self,
                { gradient in
                    Tape.requireFirstOrder("pooledMaximum")
                    return Tensor(shape: [total, width]) { out in
                        out.update(repeating: 0)
                        for (at, row) in chosen.enumerated() {
                            out[row * width + at % width] = gradient.pointer[at]
                        }
                    }
                }
            ))
    }

    private static func sequenceGrain(_ lengths: SequenceLengths, _ width: Int) -> Int {
        let elements = Swift.max(1, lengths.total / Swift.max(1, lengths.count)) * Swift.max(1, width)
        return Swift.max(1, elementGrain / elements)
    }
}
