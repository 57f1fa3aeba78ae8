import CKernels
import KuklaNumerics

/// How the rows of a bag become one.
public enum BagReduction: String, Sendable, CaseIterable {
    case sum, mean
}

extension Tensor {
    /// The rows of the first axis that `rows` names, in this order.
    ///
    /// *Shapes:* `[rows.count]` and the shape of a row. The gradient names only the rows that were looked up.
    /// - Complexity: O(rows.count * width).
    public func gathered(rows: [Int32]) -> Tensor {
        contract(rank > 0, "gathered: a scalar has no rows")
        let (height, width) = (shape[0], shape.dropFirst().reduce(1, *))
        checkRows(rows, "gathered")
        let kernels = trainingKernels
        let result = Tensor(shape: [rows.count] + shape.dropFirst()) { out in
            guard let base = out.baseAddress, width > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(rows.count, grain: rowGrain(width)) { block in
                rows.withUnsafeBufferPointer {
                    guard let ids = $0.baseAddress else { return }
                    kernels.gather_rows(
                        pointer, width, ids + block.lowerBound, block.count, to + block.lowerBound * width)
                }
            }
        }
        return result.recorded("gathered", from: [self]) { gradient, accumulator in
            if Tape.isDifferentiatingBackward {
                accumulator.add(gradient.addedToRows(rows, of: height), to: self)
            } else {
                accumulator.add(
                    rows: RowGradient(rowCount: height, summing: gradient, at: rows), to: self)
            }
        }
    }

    // The sum of these rows at `rows` of a table of `height`, zero elsewhere: what the gradient of `gathered` is, recorded.
    private func addedToRows(_ rows: [Int32], of height: Int) -> Tensor {
        RowGradient(rowCount: height, summing: self, at: rows).dense
            .recorded("addedToRows", (self, { $0.gathered(rows: rows) }))
    }

    /// Sums or means of rows of a table: bag i is made of the rows `ids[offsets[i] ..< offsets[i + 1]]`, the last one goes to the end.
    ///
    /// *Shapes:* table `[count] + row`; result `[offsets.count] + row`. An empty bag is zero. `offsets` ascend from 0.
    /// The gradient names only the rows that were looked up.
    public func embeddingBag(_ ids: [Int32], offsets: [Int32], _ reduction: BagReduction = .sum) -> Tensor {
        contract(rank > 0, "embeddingBag: a scalar has no rows")
        let height = shape[0]
        checkRows(ids, "embeddingBag")
        let starts = offsets + [Int32(ids.count)]
        contract(
            starts[0] == 0 && zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 },
            "embeddingBag: offsets of bags must ascend from 0 to at most \(ids.count) ids")
        let sums = segmentSums(ids, starts)
        // One number for each bag that its sum is multiplied by.
        let factors: Tensor? =
            reduction == .sum
            ? nil
            : Tensor(
                shape: [offsets.count] + [Int](repeating: 1, count: rank - 1),
                elements: (0..<offsets.count).map { 1 / Float(Swift.max(1, starts[$0 + 1] - starts[$0])) })
        let result = factors.map { sums * $0 } ?? sums
        return result.recorded("embeddingBag", from: [self]) { gradient, accumulator in
            Tape.requireFirstOrder("embeddingBag")
            let bags = factors.map { gradient * $0 } ?? gradient
            // Every id's gradient is its bag's.
            let owners = (0..<offsets.count).flatMap { bag in
                [Int32](repeating: Int32(bag), count: Int(starts[bag + 1] - starts[bag]))
            }
            accumulator.add(
                rows: RowGradient(rowCount: height, summing: bags.gathered(rows: owners), at: ids), to: self)
        }
    }

    /// The sums of this table's rows `ids[starts[s] ..< starts[s + 1]]` for every s; unrecorded.
    func segmentSums(_ ids: [Int32], _ starts: [Int32]) -> Tensor {
        let width = shape.dropFirst().reduce(1, *)
        let kernels = trainingKernels
        return Tensor(shape: [starts.count - 1] + shape.dropFirst()) { out in
            guard let base = out.baseAddress, width > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            let segments = starts.count - 1
            let length = Swift.max(1, ids.count / Swift.max(1, segments))
            tensorFor(segments, grain: rowGrain(width * length)) { block in
                ids.withUnsafeBufferPointer { ids in
                    starts.withUnsafeBufferPointer { starts in
                        guard let start = starts.baseAddress else { return }
                        // No ids at all: every segment is empty, and none is read.
                        kernels.sum_segments(
                            pointer, width, ids.baseAddress ?? start, start + block.lowerBound, block.count,
                            to + block.lowerBound * width)
                    }
                }
            }
        }
    }

    private func checkRows(_ rows: [Int32], _ operation: StaticString) {
        let height = Int32(clamping: shape[0])
        // The comparison of unsigned numbers also finds negative ones; the loop without a branch is vectorised.
        var isOutside = false
        for row in rows { isOutside = isOutside || UInt32(bitPattern: row) >= UInt32(height) }
        if isOutside {
            let row = rows.first { $0 < 0 || $0 >= height } ?? -1
            contract(false, "\(operation): row \(row) of a table of shape \(shape)")
        }
    }
}
