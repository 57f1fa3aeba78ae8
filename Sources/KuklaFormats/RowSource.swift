import KuklaNumerics

/// Gives a known number of rows of equal length from a byte source, and checks that nothing follows them.
final class RowSource {
    var name: String { source.name }
    private let source: ByteSource
    private let count: Int
    private let bytesPerRow: Int
    private var done = 0
    private var scratch: UnsafeMutableRawBufferPointer = .allocate(byteCount: 0, alignment: 64)

    init(_ source: ByteSource, count: Int, bytesPerRow: Int) {
        self.source = source
        self.count = count
        self.bytesPerRow = bytesPerRow
    }

    deinit { scratch.deallocate() }

    /// The bytes of the next rows, valid until the next call; `nil` after the last row.
    func nextBytes(maxRows: Int) throws(KuklaError) -> (bytes: UnsafeRawBufferPointer, rows: Int)? {
        guard let wanted = try begin(maxRows) else { return nil }
        if scratch.count < wanted * bytesPerRow {
            scratch.deallocate()
            scratch = .allocate(byteCount: wanted * bytesPerRow, alignment: 64)
        }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(wanted * bytesPerRow)])
        try finish(wanted, got: source.read(into: bytes))
        return (UnsafeRawBufferPointer(bytes), wanted)
    }

    /// The next rows of little-endian float32, read straight into their matrix.
    func nextFloats(maxRows: Int, columns: Int) throws(KuklaError) -> Matrix? {
        guard let wanted = try begin(maxRows) else { return nil }
        return try Matrix(rows: wanted, columns: columns) { (out) throws(KuklaError) in
            try finish(wanted, got: source.read(into: UnsafeMutableRawBufferPointer(out)))
        }
    }

    private func begin(_ maxRows: Int) throws(KuklaError) -> Int? {
        if done < count { return min(maxRows, count - done) }
        guard try source.peek(1).isEmpty else {
            throw KuklaError(
                .badData,
                "Cannot read \(name): something follows the \(count) rows that its header promises.")
        }
        return nil
    }

    private func finish(_ wanted: Int, got: Int) throws(KuklaError) {
        guard got == wanted * bytesPerRow else {
            throw KuklaError(
                .badData,
                "Cannot read \(name): its header promises \(count) rows, and the data end in row "
                    + "\(done + got / max(bytesPerRow, 1)) (from 0); the file is cut.")
        }
        done += wanted
    }
}
