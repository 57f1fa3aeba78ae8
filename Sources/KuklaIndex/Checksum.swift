import CKernels
package import KuklaNumerics

/// CRC-32C, the checksum of every section of a collection file.
///
/// Not zlib's CRC-32: for this polynomial x86 and ARM processors have an instruction, with which it runs faster
/// than memory can be read, so that verifying a large collection costs no more than reading it.
public struct Checksum: Hashable, Sendable {
    /// The checksum of what was added so far: of "123456789" it is 0xE3069283.
    public private(set) var value: UInt32 = 0

    public init() {}

    /// The checksum of `bytes`.
    public init(of bytes: UnsafeRawBufferPointer) { add(bytes) }

    /// Continues with `bytes`.
    public mutating func add(_ bytes: UnsafeRawBufferPointer) { add(bytes, level: .current) }

    package mutating func add(_ bytes: UnsafeRawBufferPointer, level: CPULevel) {
        value = kk_checksum_kernels_for(level.kernelLevel).pointee.crc32c(
            value, bytes.baseAddress, bytes.count)
    }
}
