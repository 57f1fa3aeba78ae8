import KuklaNumerics

/// The type of the numbers in an array file.
public enum ElementType: String, Sendable, Codable, CaseIterable {
    case float16, bfloat16, float32, float64
    case int8, uint8, int16, int32, int64
    case bool

    /// Bytes of one number.
    public var byteCount: Int {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .bfloat16, .int16: 2
        case .float32, .int32: 4
        case .float64, .int64: 8
        }
    }

    /// Whether numbers may be NaN or infinite.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }

    /// Converts numbers of this type to float32, rounding to nearest where float32 is narrower.
    ///
    /// - Precondition: `source.count == destination.count * byteCount`. No alignment is needed.
    package func convert(
        _ source: UnsafeRawBufferPointer, isBigEndian: Bool = false,
        to destination: UnsafeMutableBufferPointer<Float>
    ) {
        contract(
            source.count == destination.count * byteCount,
            "ElementType: \(source.count) bytes for \(destination.count) numbers of \(self)")
        guard let from = source.baseAddress, let to = destination.baseAddress else { return }
        let count = destination.count
        switch self {
        case .uint8, .bool:
            for i in 0..<count { to[i] = Float(from.load(fromByteOffset: i, as: UInt8.self)) }
        case .int8:
            for i in 0..<count { to[i] = Float(from.load(fromByteOffset: i, as: Int8.self)) }
        case .float16: each(UInt16.self, from, isBigEndian, to, count) { floatOfHalf($0) }
        case .bfloat16:
            each(UInt16.self, from, isBigEndian, to, count) { Float(bitPattern: UInt32($0) << 16) }
        case .float32: each(UInt32.self, from, isBigEndian, to, count) { Float(bitPattern: $0) }
        case .float64: each(UInt64.self, from, isBigEndian, to, count) { Float(Double(bitPattern: $0)) }
        case .int16: each(Int16.self, from, isBigEndian, to, count) { Float($0) }
        case .int32: each(Int32.self, from, isBigEndian, to, count) { Float($0) }
        case .int64: each(Int64.self, from, isBigEndian, to, count) { Float($0) }
        }
    }

    /// Converts integers of this type to `Int64`.
    ///
    /// - Precondition: an integer type; `source.count == destination.count * byteCount`.
    package func convert(
        _ source: UnsafeRawBufferPointer, isBigEndian: Bool, to destination: UnsafeMutableBufferPointer<Int64>
    ) {
        contract(
            !isFloatingPoint && source.count == destination.count * byteCount,
            "ElementType: \(source.count) bytes for \(destination.count) integers of \(self)")
        guard let from = source.baseAddress, let to = destination.baseAddress else { return }
        let count = destination.count
        switch self {
        case .int8: for i in 0..<count { to[i] = Int64(from.load(fromByteOffset: i, as: Int8.self)) }
        case .int16: each(Int16.self, from, isBigEndian, to, count) { Int64($0) }
        case .int32: each(Int32.self, from, isBigEndian, to, count) { Int64($0) }
        case .int64: each(Int64.self, from, isBigEndian, to, count) { $0 }
        default: for i in 0..<count { to[i] = Int64(from.load(fromByteOffset: i, as: UInt8.self)) }
        }
    }
}

@inline(__always)
private func each<Stored: FixedWidthInteger & BitwiseCopyable, Result>(
    _ type: Stored.Type, _ from: UnsafeRawPointer, _ isBigEndian: Bool,
    _ to: UnsafeMutablePointer<Result>, _ count: Int, _ convert: (Stored) -> Result
) {
    let width = MemoryLayout<Stored>.size
    if isBigEndian {
        for i in 0..<count {
            to[i] = convert(from.loadUnaligned(fromByteOffset: i * width, as: type).byteSwapped)
        }
    } else {
        for i in 0..<count { to[i] = convert(from.loadUnaligned(fromByteOffset: i * width, as: type)) }
    }
}

/// The exact float32 value of IEEE half bits, in arithmetic that the compiler turns into vector code: without
/// it, machines below F16C call a library function for every number.
@inline(__always)
package func floatOfHalf(_ half: UInt16) -> Float {
    // The half's exponent and fraction, moved into float32's places, are 2^112 times too small (also where the
    // half is subnormal). Infinity and NaN come out as 65536 or more and get the largest exponent.
    let scaled = Float(bitPattern: UInt32(half & 0x7FFF) << 13) * 0x1p112
    let special: UInt32 = scaled >= 65536 ? 0x7F80_0000 : 0
    return Float(bitPattern: scaled.bitPattern | special | UInt32(half & 0x8000) << 16)
}

/// The bfloat16 nearest to `value`, ties to even; NaN stays NaN.
@inline(__always)
package func bfloat16Bits(of value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}

/// The IEEE half nearest to `value`, ties to even; infinite where it is over the range.
package func halfBits(of value: Float) -> UInt16 { Float16(value).bitPattern }
