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
        case (.dense(var mine), .rows(let theirs)):
            self = .dense(Tensor(0))
            if recording { mine = mine + theirs.dense } else { mine.accumulate(theirs) }
            self = .dense(mine)
        case (.rows, .dense):
            var sum = other
            sum.add(self, recording: recording)
            self = sum
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

    /// Sums the gradients of rows that are named more than once, in the order of `rows`.
    ///
    /// - Complexity: O(rows.count * (width + log rowCount)).
    public init(rowCount: Int, summing values: Tensor, at rows: [Int32]) {
        rowShape = Array(values.shape.dropFirst())
        contract(
            values.rank > 0 && values.shape[0] == rows.count,
            "RowGradient: \(rows.count) rows for values of shape \(values.shape)")
        self.rowCount = rowCount
        let groups = RowGroups(rows, below: rowCount)
        indices = groups.rows
        let width = rowShape.elementCount
        self.values = Tensor(shape: [values.shape[0], width], storage: values.storage, offset: values.offset)
            .segmentSums(groups.positions, groups.starts)
            .reshaped([groups.rows.count] + rowShape)
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
        var table = Tensor.zeros([rowCount] + rowShape)
        table.accumulate(self)
        return table
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
