public import KuklaNumerics

/// Reads vectors from front to back, a block of rows at a time.
public protocol VectorReader: AnyObject {
    /// The path or "standard input": what error messages call the data.
    var name: String { get }
    /// Components of each vector.
    var dimensions: Int { get }
    /// Vectors in all; `nil` where only reading tells (gzip, JSON lines, standard input).
    var count: Int? { get }
    /// The next rows, `[1...maxRows, dimensions]`, or `nil` after the last one.
    ///
    /// May give fewer rows than asked for before the end: a block is also bounded in bytes.
    ///
    /// - Throws: `KuklaError` for data that are not what their format says, and for read errors.
    func next(maxRows: Int) throws(KuklaError) -> Matrix?
}

extension VectorReader {
    /// All rows that are left, in one matrix.
    public func readAll() throws(KuklaError) -> Matrix {
        var blocks: [Matrix] = []
        while let block = try next(maxRows: .max) { blocks.append(block) }
        if blocks.count == 1 { return blocks[0] }
        let rows = blocks.reduce(0) { $0 + $1.rows }
        return Matrix(rows: rows, columns: dimensions) { all in
            var done = 0
            for block in blocks {
                block.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: all[done...]).update(fromContentsOf: $0)
                    done += $0.count
                }
            }
        }
    }

    /// How many rows the next block may have: within `maxRows` and 64 MiB, so that no header makes us ask for
    /// more memory than its file has bytes for.
    func blockRows(_ maxRows: Int, bytesPerRow: Int) -> Int {
        contract(maxRows > 0, "VectorReader: \(maxRows) rows asked for")
        return min(maxRows, max(1, (64 << 20) / max(bytesPerRow, 1)))
    }
}

/// Vectors with more components than this are taken for damage, not for data.
let maximumDimensions = 1 << 24

/// Passes vectors on that are finite, and names row and column of one that is not.
final class FiniteVectorReader: VectorReader {
    private let base: any VectorReader
    private var row = 0

    init(_ base: any VectorReader) { self.base = base }

    var name: String { base.name }
    var dimensions: Int { base.dimensions }
    var count: Int? { base.count }

    func next(maxRows: Int) throws(KuklaError) -> Matrix? {
        guard let block = try base.next(maxRows: maxRows) else { return nil }
        try block.checkFinite(name: name, firstRow: row)
        row += block.rows
        return block
    }
}

extension Matrix {
    /// Throws where a component is NaN or infinite.
    ///
    /// - Parameters:
    ///   - name: what the message calls the data.
    ///   - firstRow: the number that the message gives to row 0.
    /// - Throws: `KuklaError(.badData)` naming row and column, both from 0.
    public func checkFinite(name: String, firstRow: Int = 0) throws(KuklaError) {
        let exponent: UInt32 = 0x7F80_0000
        let bad: Int? = withUnsafeBufferPointer { all in
            var start = 0
            while start < all.count {
                let end = min(start + 4096, all.count)
                var largest: UInt32 = 0
                for i in start..<end { largest = max(largest, all[i].bitPattern & 0x7FFF_FFFF) }
                if largest >= exponent { return (start..<end).first { !all[$0].isFinite } }
                start = end
            }
            return nil
        }
        guard let bad else { return }
        let row = bad / columns
        let column = bad % columns
        throw KuklaError(
            .badData,
            "Cannot use the vectors of \(name): row \(firstRow + row), column \(column) (both from 0) is "
                + "\(self[row, column]); every component must be a finite number.")
    }
}
