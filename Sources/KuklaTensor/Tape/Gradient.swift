import KuklaNumerics

/// The gradient of a scalar with respect to one tensor: for every element, or for some rows only.
public enum Gradient: Sendable {
    /// One number for each element.
    case dense(Tensor)
    /// Gradients of a few rows of a table; all other rows have zero.
    case rows(RowGradient)

    /// The gradient for every element, zeros written out.
    public var dense: Tensor {
        switch self {
        case .dense(let tensor): tensor
        case .rows(let rows): rows.dense
        }
    }

    /// Every element as a contiguous list, for norms and scaling: the values of `rows` where it is sparse.
    package var values: Tensor {
        switch self {
        case .dense(let tensor): tensor
        case .rows(let rows): rows.values
        }
    }

    /// Adds `other`, in place where nobody else holds the memory.
    mutating func add(_ other: Gradient, recording: Bool) {
        switch (self, other) {
        case (.dense(var mine), .dense(let theirs)):
            self = .dense(Tensor(0))  // so that `mine` is the only reference to its memory
            if recording { mine = mine + theirs } else { mine.accumulate(theirs) }
            self = .dense(mine)
        case (.rows(let mine), .rows(let theirs)):
            self = .rows(mine.merged(with: theirs))
        default:
            self = .dense(dense + other.dense)
        }
    }
}

/// Gradients of some rows of a table `[count, width]`.
public struct RowGradient: Sendable {
    /// Rows of the table.
    public let rowCount: Int
    /// The shape of one row.
    public let rowShape: [Int]
    /// Row numbers, each at most once, ascending.
    public let indices: [Int32]
    /// `[indices.count] + rowShape`.
    public let values: Tensor

    /// Sums the gradients of rows that are named more than once.
    ///
    /// - Complexity: O(rows.count * (log rows.count + width)).
    public init(rowCount: Int, summing values: Tensor, at rows: [Int32]) {
        self.rowCount = rowCount
        rowShape = Array(values.shape.dropFirst())
        contract(
            values.rank > 0 && values.shape[0] == rows.count,
            "RowGradient: \(rows.count) rows for values of shape \(values.shape)")
        let order = rows.indices.sorted { (rows[$0], $0) < (rows[$1], $1) }
        var unique: [Int32] = []
        for i in order where unique.last != rows[i] { unique.append(rows[i]) }
        let width = rowShape.elementCount
        indices = unique
        self.values = Tensor(shape: [unique.count] + rowShape) { out in
            out.update(repeating: 0)
            guard width > 0, let to = out.baseAddress else { return }
            var at = -1
            var last: Int32 = -1
            for i in order {
                contract(rows[i] >= 0 && rows[i] < rowCount, "RowGradient: row \(rows[i]) of \(rowCount)")
                if rows[i] != last {
                    at += 1
                    last = rows[i]
                }
                let from = values.pointer + i * width
                for j in 0..<width { to[at * width + j] += from[j] }
            }
        }
    }

    /// Scales every value.
    package func scaled(by factor: Float) -> RowGradient {
        RowGradient(rowCount: rowCount, rowShape: rowShape, indices: indices, values: values * factor)
    }

    private init(rowCount: Int, rowShape: [Int], indices: [Int32], values: Tensor) {
        self.rowCount = rowCount
        self.rowShape = rowShape
        self.indices = indices
        self.values = values
    }

    /// The whole table's gradient.
    public var dense: Tensor {
        let width = rowShape.elementCount
        return Tensor(shape: [rowCount] + rowShape) { out in
            out.update(repeating: 0)
            guard width > 0, let to = out.baseAddress else { return }
            for (i, row) in indices.enumerated() {
                (to + Int(row) * width).update(from: values.pointer + i * width, count: width)
            }
        }
    }

    func merged(with other: RowGradient) -> RowGradient {
        let width = rowShape.elementCount
        let both = Tensor(shape: [indices.count + other.indices.count] + rowShape) { out in
            guard width > 0, let to = out.baseAddress else { return }
            to.update(from: values.pointer, count: values.count)
            (to + values.count).update(from: other.values.pointer, count: other.values.count)
        }
        return RowGradient(rowCount: rowCount, summing: both, at: indices + other.indices)
    }
}
