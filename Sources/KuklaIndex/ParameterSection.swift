import KuklaNumerics

/// The `parameters` section: what training found, as named float matrices.
///
/// Bytes: u32 count, zeros up to 64; for each matrix 128 bytes: name (96, zero-padded), u64 rows, u64 columns,
/// u64 offset from the section's start (a multiple of 64), u64 zero; then the components, float32, row-major.
enum ParameterSection {
    static let entryBytes = 128
    static let nameBytes = 96

    static func encode(_ parameters: [String: Matrix]) -> [UInt8] {
        let sorted = parameters.sorted { $0.key < $1.key }
        var out: [UInt8] = []
        out.append(littleEndian: UInt32(sorted.count))
        out += [UInt8](repeating: 0, count: 64 - out.count)
        var offset = 64 + entryBytes * sorted.count
        for (name, matrix) in sorted {
            contract(name.utf8.count <= nameBytes, "parameter name '\(name)' is too long")
            out += Array(name.utf8) + [UInt8](repeating: 0, count: nameBytes - name.utf8.count)
            out.append(littleEndian: UInt64(matrix.rows))
            out.append(littleEndian: UInt64(matrix.columns))
            out.append(littleEndian: UInt64(offset))
            out.append(littleEndian: UInt64(0))
            offset += (matrix.rows * matrix.columns * 4 + 63) / 64 * 64
        }
        for (_, matrix) in sorted {
            matrix.withUnsafeBufferPointer { out.append(contentsOf: UnsafeRawBufferPointer($0)) }
            out += [UInt8](repeating: 0, count: (64 - out.count % 64) % 64)
        }
        return out
    }

    /// The matrices, read in place from memory of `owner`; `nil` where the bytes are not such a section.
    static func decode(_ bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) -> [String: Matrix]?
    {
        guard bytes.count >= 64 else { return nil }
        let count = Int(bytes.littleEndian(UInt32.self, at: 0))
        guard count <= (bytes.count - 64) / entryBytes else { return nil }
        var parameters: [String: Matrix] = [:]
        for entry in 0..<count {
            let start = 64 + entry * entryBytes
            guard let name = bytes.name(at: start, count: nameBytes),
                let rows = Int(exactly: bytes.littleEndian(UInt64.self, at: start + nameBytes)),
                let columns = Int(exactly: bytes.littleEndian(UInt64.self, at: start + nameBytes + 8)),
                let offset = Int(exactly: bytes.littleEndian(UInt64.self, at: start + nameBytes + 16)),
                parameters[name] == nil, offset % 64 == 0, offset <= bytes.count
            else { return nil }
            let (components, overflow) = rows.multipliedReportingOverflow(by: columns)
            guard !overflow, components <= (bytes.count - offset) / 4 else { return nil }
            let memory = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + components * 4])
            parameters[name] = Matrix(
                rows: rows, columns: columns, borrowing: memory.bindMemory(to: Float.self), from: owner)
        }
        return parameters
    }
}
