/// Rows of float32 vectors: `[rows, columns]`, row-major, contiguous, with value semantics.
///
/// A row range shares memory with the matrix that it came from; writing to either copies first.
public struct Matrix: Sendable {
    public let rows: Int
    public let columns: Int
    package private(set) var storage: AlignedStorage<Float>
    package private(set) var offset: Int

    /// A matrix of zeros.
    public init(rows: Int, columns: Int) {
        self.init(rows: rows, columns: columns) { $0.update(repeating: 0) }
    }

    /// A matrix whose `rows * columns` components are all written by `fill`, in row-major order.
    public init<Failure: Error>(
        rows: Int, columns: Int,
        initializing fill: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Void
    ) throws(Failure) {
        contract(rows >= 0 && columns >= 0, "Matrix: negative shape [\(rows), \(columns)]")
        self.rows = rows
        self.columns = columns
        storage = AlignedStorage(uninitialized: rows * columns)
        offset = 0
        try fill(storage.buffer)
    }

    /// A matrix that holds a copy of `elements`, in row-major order.
    public init(rows: Int, columns: Int, elements: [Float]) {
        contract(
            elements.count == rows * columns,
            "Matrix: \(elements.count) elements for shape [\(rows), \(columns)]")
        self.init(rows: rows, columns: columns) { _ = $0.update(fromContentsOf: elements) }
    }

    /// A matrix that reads `memory` in place and keeps `owner` (a memory map) alive.
    public init(
        rows: Int, columns: Int, borrowing memory: UnsafeBufferPointer<Float>,
        from owner: any AnyObject & Sendable
    ) {
        contract(
            memory.count == rows * columns,
            "Matrix: \(memory.count) borrowed elements for shape [\(rows), \(columns)]")
        self.rows = rows
        self.columns = columns
        storage = AlignedStorage(borrowing: memory, from: owner)
        offset = 0
    }

    /// The matrix whose components begin at `offset` of `storage`, without a copy.
    package init(rows: Int, columns: Int, sharing storage: AlignedStorage<Float>, at offset: Int) {
        contract(
            offset >= 0 && offset + rows * columns <= storage.buffer.count,
            "Matrix: [\(rows), \(columns)] at \(offset) of \(storage.buffer.count) elements")
        self.rows = rows
        self.columns = columns
        self.storage = storage
        self.offset = offset
    }

    private init(sharing other: Matrix, from row: Int, rows: Int) {
        self.rows = rows
        columns = other.columns
        storage = other.storage
        offset = other.offset + row * other.columns
    }

    /// The rows in `range`, without a copy.
    public subscript(rows range: Range<Int>) -> Matrix {
        contract(
            range.lowerBound >= 0 && range.upperBound <= rows,
            "Matrix: rows \(range) of shape [\(rows), \(columns)]")
        return Matrix(sharing: self, from: range.lowerBound, rows: range.count)
    }

    /// The rows at `indices`, copied in that order.
    public func gathering(rows indices: some Collection<Int>) -> Matrix {
        Matrix(rows: indices.count, columns: columns) { out in
            withUnsafeBufferPointer { all in
                for (to, from) in indices.enumerated() {
                    contract(from >= 0 && from < rows, "Matrix: row \(from) of \(rows)")
                    guard columns > 0 else { continue }
                    (out.baseAddress! + to * columns)
                        .update(from: all.baseAddress! + from * columns, count: columns)
                }
            }
        }
    }

    /// A copy with rows and columns exchanged.
    public func transposed() -> Matrix {
        Matrix(rows: columns, columns: rows) { out in
            withUnsafeBufferPointer { all in
                for r in 0..<rows { for c in 0..<columns { out[c * rows + r] = all[r * columns + c] } }
            }
        }
    }

    public subscript(row: Int, column: Int) -> Float {
        get { storage.buffer[offset + row * columns + column] }
        set {
            let index = row * columns + column
            withUnsafeMutableBufferPointer { $0[index] = newValue }
        }
    }

    /// The components of one row, copied.
    public func row(_ index: Int) -> [Float] { withUnsafeRow(index) { Array($0) } }

    /// All components in row-major order, copied.
    public var elements: [Float] { withUnsafeBufferPointer { Array($0) } }

    /// Reads all components in place, in row-major order; the pointer is valid inside `body` only.
    public func withUnsafeBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeBufferPointer(rebasing: storage.buffer[offset..<offset + rows * columns]))
        }
    }

    /// Reads one row in place; the pointer is valid inside `body` only.
    public func withUnsafeRow<Result, Failure: Error>(
        _ index: Int, _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        contract(index >= 0 && index < rows, "Matrix: row \(index) of \(rows)")
        return try self[rows: index..<index + 1].withUnsafeBufferPointer(body)
    }

    /// Writes components in place; copies first where the memory is shared or read-only.
    public mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !isKnownUniquelyReferenced(&storage) || !storage.isWritable {
            let copy = AlignedStorage<Float>(uninitialized: rows * columns)
            _ = copy.buffer.update(fromContentsOf: storage.buffer[offset..<offset + rows * columns])
            storage = copy
            offset = 0
        }
        return try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeMutableBufferPointer(rebasing: storage.buffer[offset..<offset + rows * columns]))
        }
    }
}

extension Matrix: Equatable {
    public static func == (a: Matrix, b: Matrix) -> Bool {
        a.rows == b.rows && a.columns == b.columns
            && a.withUnsafeBufferPointer { x in b.withUnsafeBufferPointer { x.elementsEqual($0) } }
    }
}
