import CZlib
import Crypto
public import Foundation
public import KuklaNumerics

/// Checksums of files and of bytes.
public enum FileDigest {
    /// The SHA-256 of all bytes of the file at `url`, as 64 hexadecimal digits. Gzip is not unpacked.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `inputOutput`).
    public static func sha256(of url: URL) throws(KuklaError) -> String {
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw KuklaError.whenOpening(url) }
        defer { close(descriptor) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { chunk.deallocate() }
        var hash = SHA256()
        while true {
            let got = readFully(descriptor, into: chunk.baseAddress!, count: chunk.count)
            guard got >= 0 else { throw KuklaError.whenOpening(url) }
            if got == 0 { break }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: chunk[..<got]))
        }
        return hexadecimal(hash.finalize())
    }

    /// The SHA-256 of bytes, as 64 hexadecimal digits in lower case.
    public static func sha256(of bytes: [UInt8]) -> String { hexadecimal(SHA256.hash(data: bytes)) }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// The CRC-32 of gzip and zlib (polynomial 0xEDB88320).
    ///
    /// - Parameter previous: the CRC of the bytes that come before, for data in pieces.
    public static func crc32(_ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return previous }
        return UInt32(
            truncatingIfNeeded: crc32_z(
                uLong(previous), base.assumingMemoryBound(to: UInt8.self), bytes.count))
    }
}
