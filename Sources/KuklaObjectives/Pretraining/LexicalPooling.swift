import KuklaNN
public import KuklaNumerics
package import KuklaTensor
public import KuklaText

extension Tensor {
    /// For each sequence and word the greatest logit `x . word + bias` over the sequence's rows but its first: the bag of words that
    /// its ordinary tokens speak of (DupMAE). The gradient goes to the first of equals.
    ///
    /// *Shapes:* `x [tokens, d]`, `table [words, d]`, `bias [words]`; result `[sequences, words]`.
    /// Logits are computed for some words at a time and forgotten; a result and a row number for each word and sequence are kept, and the
    /// gradient costs no more than these.
    /// - Precondition: every sequence has two rows or more.
    /// - Complexity: O(tokens * words * d); the gradient O(sequences * words * d).
    package func maximumLogits(table: Tensor, bias: Tensor, lengths: SequenceLengths) -> Tensor {
        contract(
            rank == 2 && table.rank == 2 && shape[1] == table.shape[1] && bias.shape == [table.shape[0]]
                && shape[0] == lengths.total,
            "maximumLogits: \(shape) in \(lengths.total) rows with a table \(table.shape) and a bias \(bias.shape)"
        )
        contract(lengths.lengths.allSatisfy { $0 > 1 }, "maximumLogits: a sequence of fewer than two rows")
        let pooled = GreatestLogits(detached, table.detached, bias.detached, lengths)
        return pooled.values.recorded("maximumLogits", from: [self, table, bias]) { gradient, accumulator in
            Tape.requireFirstOrder("maximumLogits")
            if self.node != nil { accumulator.add(pooled.rowGradient(gradient), to: self) }
            if table.node != nil { accumulator.add(pooled.tableGradient(gradient), to: table) }
            accumulator.add(gradient.sum(axes: [0]), to: bias)
        }
    }
}

/// The greatest logits and the rows that they come from.
private struct GreatestLogits: Sendable {
    let x, table: Tensor
    let lengths: SequenceLengths
    /// `[sequences, words]`.
    let values: Tensor
    private let rows: [Int32]

    /// Words whose logits are computed at a time: with a few thousand tokens they stay in the cache.
    private static let wordsAtATime = 256

    init(_ x: Tensor, _ table: Tensor, _ bias: Tensor, _ lengths: SequenceLengths) {
        (self.x, self.table, self.lengths) = (x, table, lengths)
        let (tokens, width, words, sequences) = (x.shape[0], x.shape[1], table.shape[0], lengths.count)
        var rows = [Int32](repeating: 0, count: sequences * words)
        values = rows.withUnsafeMutableBufferPointer { rows in
            nonisolated(unsafe) let rows = rows  // every block writes columns of its own
            return Tensor(shape: [sequences, words]) { out in
                nonisolated(unsafe) let out = out  // every block writes columns of its own
                tensorFor((words + Self.wordsAtATime - 1) / Self.wordsAtATime, grain: 1) { block in
                    let logits = AlignedStorage<Float>(uninitialized: tokens * Self.wordsAtATime)
                    for chunk in block {
                        let first = chunk * Self.wordsAtATime
                        let count = min(Self.wordsAtATime, words - first)
                        GEMM.multiply(
                            x.pointer, table.pointer + first * width, into: logits.pointer, m: tokens,
                            n: count, k: width, transposeB: true)
                        for sequence in 0..<sequences {
                            let at = sequence * words + first
                            Self.greatest(
                                logits.pointer, count, lengths[sequence].dropFirst(),
                                out.baseAddress! + at, rows.baseAddress! + at)
                            for i in 0..<count { out[at + i] += bias.pointer[first + i] }
                        }
                    }
                }
            }
        }
        self.rows = rows
    }

    /// The greatest of each of `count` columns over some rows, and which row that is.
    private static func greatest(
        _ logits: UnsafePointer<Float>, _ count: Int, _ range: Range<Int>,
        _ best: UnsafeMutablePointer<Float>, _ rows: UnsafeMutablePointer<Int32>
    ) {
        best.update(from: logits + range.lowerBound * count, count: count)
        rows.update(repeating: Int32(range.lowerBound), count: count)
        for row in range.dropFirst() {
            let logits = logits + row * count
            let number = Int32(row)
            for i in 0..<count {
                let isGreater = logits[i] > best[i]
                best[i] = isGreater ? logits[i] : best[i]
                rows[i] = isGreater ? number : rows[i]
            }
        }
    }

    func rowGradient(_ gradient: Tensor) -> Tensor {
        let (width, words) = (x.shape[1], table.shape[0])
        return Tensor(shape: x.shape) { out in
            out.update(repeating: 0)
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(lengths.count, grain: 1) { block in
                for at in block.lowerBound * words..<block.upperBound * words {
                    let slope = gradient.pointer[at]
                    guard slope != 0 else { continue }
                    let (row, word) = (
                        to + Int(rows[at]) * width, table.pointer + at % words * width
                    )
                    for i in 0..<width { row[i] += slope * word[i] }
                }
            }
        }
    }

    func tableGradient(_ gradient: Tensor) -> Tensor {
        let (width, words) = (x.shape[1], table.shape[0])
        return Tensor(shape: table.shape) { out in
            out.update(repeating: 0)
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(words, grain: 256) { block in
                for sequence in 0..<lengths.count {
                    for word in block {
                        let at = sequence * words + word
                        let slope = gradient.pointer[at]
                        guard slope != 0 else { continue }
                        let (row, target) = (x.pointer + Int(rows[at]) * width, to + word * width)
                        for i in 0..<width { target[i] += slope * row[i] }
                    }
                }
            }
        }
    }
}

extension PretrainingModel {
    /// The logits of every word, the greatest over each text's ordinary tokens, without recording: `[texts, vocabulary]`.
    public func bagsOfWords(of texts: TokenBatch) -> Matrix {
        withoutGradient {
            head.transform(encoder.tokenVectors(texts)).maximumLogits(
                table: encoder.wordTable, bias: head.bias.tensor, lengths: texts.lengths)
        }.matrix
    }

    /// The `count` words that each text's ordinary tokens speak of most, heaviest first.
    public func heaviestWords(of texts: TokenBatch, count: Int) -> [[Int32]] {
        let all = Tensor(bagsOfWords(of: texts)).topK(min(count, encoder.vocabularySize)).indices
        let width = all.count / max(1, texts.count)
        return (0..<texts.count).map { Array(all[$0 * width..<($0 + 1) * width]) }
    }
}
