import Foundation
import KuklaNumerics
import KuklaText

/// How vectors are written into an answer. A size always counts dimensions, whatever they are packed into.
enum VectorEncoding: String, CaseIterable {
    /// Numbers.
    case float
    /// The bytes of little-endian float32 numbers, in base64.
    case base64
    /// `VectorForm.int8`.
    case int8
    /// A bit a dimension, 1 where it is above 0; eight, the first one highest, are a byte, written from -128 to 127 (byte - 128).
    case binary
    /// As `binary`, bytes written from 0 to 255.
    case ubinary

    /// Whether bits are packed into bytes: dimensions must come in eights.
    var isPacked: Bool { self == .binary || self == .ubinary }

    /// What the vectors are rounded to; nil where they are not.
    var form: VectorForm? {
        switch self {
        case .float, .base64: nil
        case .int8: .int8
        case .binary, .ubinary: .binary
        }
    }

    func write(_ vector: UnsafeBufferPointer<Float>, to writer: inout JSONWriter) {
        switch self {
        case .float: writer.numbers(vector)
        case .base64:
            var bytes = Data(capacity: vector.count * 4)
            for value in vector {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
            writer.value(bytes.base64EncodedString())
        case .int8: writer.numbers(VectorForm.int8.rounded(vector).lazy.map { Int($0) })
        case .binary, .ubinary:
            let offset = self == .binary ? 128 : 0
            writer.numbers(
                stride(from: 0, to: vector.count, by: 8).lazy.map { start in
                    (0..<8).reduce(0) { $0 << 1 | (vector[start + $1] > 0 ? 1 : 0) } - offset
                })
        }
    }
}
