public import Foundation
public import KuklaNumerics

/// Writes an npy array row by row; how many rows there are need not be known at the start.
public final class NPYWriter: VectorWriter {
    public let dimensions: Int
    /// The type that components are stored as.
    public let elementType: ElementType
    public private(set) var count = 0

    private let file: AtomicFile
    private var scratch: [UInt8] = []

    /// Starts an array `[?, dimensions]` that will be the file `url`.
    ///
    /// - Precondition: `elementType` is float16, float32, float64, int8, uint8, int32 or int64.
    /// - Throws: `KuklaError(.inputOutput)`.
    public init(_ url: URL, dimensions: Int, elementType: ElementType = .float32) throws(KuklaError) {
        contract(dimensions > 0, "NPYWriter: \(dimensions) dimensions")
        contract(![.bfloat16, .bool].contains(elementType), "NPYWriter: npy has no \(elementType)")
        self.dimensions = dimensions
        self.elementType = elementType
        file = try AtomicFile(url)
        try writeHeader { (bytes) throws(KuklaError) in try file.write(bytes) }
    }

    /// Appends the rows of `vectors`, rounded to nearest for float16.
    ///
    /// - Throws: `KuklaError` where the disk refuses, where a component is over float16's range, or where it is
    ///   not exactly an integer of the file's type.
    public func append(_ vectors: Matrix) throws(KuklaError) {
        contract(
            vectors.columns == dimensions,
            "NPYWriter: \(vectors.columns) columns for \(dimensions) dimensions")
        if elementType == .float32 {
            try vectors.withUnsafeBufferPointer { (all) throws(KuklaError) in
                try file.write(UnsafeRawBufferPointer(all))
            }
        } else {
            let width = elementType.byteCount
            let step = Swift.max(1, (1 << 20) / (dimensions * width))
            var row = 0
            while row < vectors.rows {
                let block = vectors[rows: row..<Swift.min(row + step, vectors.rows)]
                scratch.removeAll(keepingCapacity: true)
                if let bad = block.withUnsafeBufferPointer({ elementType.append($0, to: &scratch) }) {
                    throw KuklaError(
                        .badData,
                        "Cannot write \(file.url.path): row \(count + row + bad / dimensions), column "
                            + "\(bad % dimensions) (both from 0) is \(block[bad / dimensions, bad % dimensions]), "
                            + "which \(elementType.rawValue) cannot hold; write float32 instead.")
                }
                var failure: KuklaError?
                scratch.withUnsafeBytes {
                    do throws(KuklaError) { try file.write($0) } catch { failure = error }
                }
                if let failure { throw failure }
                row += block.rows
            }
        }
        count += vectors.rows
    }

    public func commit() throws(KuklaError) {
        try writeHeader { (bytes) throws(KuklaError) in try file.overwrite(bytes, at: 0) }
        try file.commit()
    }

    private func writeHeader(
        _ write: (UnsafeRawBufferPointer) throws(KuklaError) -> Void
    ) throws(KuklaError) {
        let header = NPYHeader(elementType: elementType, shape: [count, dimensions]).serialized()
        var failure: KuklaError?
        header.withUnsafeBytes {
            do throws(KuklaError) { try write($0) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension ElementType {
    /// Appends numbers as this type, little-endian; gives the index of the first that it cannot hold.
    func append(_ numbers: UnsafeBufferPointer<Float>, to bytes: inout [UInt8]) -> Int? {
        func put<Stored: BitwiseCopyable>(_ convert: (Float) -> Stored?) -> Int? {
            let start = bytes.count
            let width = MemoryLayout<Stored>.size
            bytes.append(contentsOf: repeatElement(0, count: numbers.count * width))
            return bytes.withUnsafeMutableBytes { out in
                for (i, number) in numbers.enumerated() {
                    guard let value = convert(number) else { return i }
                    out.storeBytes(of: value, toByteOffset: start + i * width, as: Stored.self)
                }
                return nil
            }
        }
        switch self {
        case .float32: return put { $0 }
        case .float64: return put { Double($0) }
        case .float16:
            return put { number in
                let half = halfBits(of: number)
                return half & 0x7FFF == 0x7C00 && number.isFinite ? nil : half
            }
        case .bfloat16:
            return put { number in
                let bits = bfloat16Bits(of: number)
                return bits & 0x7FFF == 0x7F80 && number.isFinite ? nil : bits
            }
        case .int8: return put { Int8(exactly: $0) }
        case .uint8: return put { UInt8(exactly: $0) }
        case .bool: return put { UInt8(exactly: $0).flatMap { $0 <= 1 ? $0 : nil } }
        case .int16: return put { Int16(exactly: $0) }
        case .int32: return put { Int32(exactly: $0) }
        case .int64: return put { Int64(exactly: $0) }
        }
    }
}
