import CZlib
import Foundation
import KuklaNumerics

/// Unpacks a gzip stream of one or more members, chunk by chunk.
final class GzipInflater {
    private let name: String
    private let descriptor: Int32
    private let input: UnsafeMutableRawBufferPointer
    private let stream: UnsafeMutablePointer<z_stream>
    private var isBetweenMembers = false
    private var isFinished = false

    /// Starts on `first`, the bytes that were already read from `descriptor`.
    init(name: String, descriptor: Int32, first: UnsafeRawBufferPointer) {
        self.name = name
        self.descriptor = descriptor
        input = .allocate(byteCount: Swift.max(1 << 18, first.count), alignment: 64)
        input.copyMemory(from: first)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        stream.pointee.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = uInt(first.count)
        // 15 bits of window, + 16: gzip, not zlib. Fails for want of memory only.
        let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        contract(status == Z_OK, "zlib: inflateInit2 gave \(status)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Unpacks up to `count` bytes; 0 at the end of the last member.
    func read(into memory: UnsafeMutableRawPointer, count: Int) throws(KuklaError) -> Int {
        let wanted = Swift.min(count, 1 << 30)
        stream.pointee.next_out = memory.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = uInt(wanted)
        while !isFinished && stream.pointee.avail_out > 0 {
            if stream.pointee.avail_in == 0 {
                let got = readFully(descriptor, into: input.baseAddress!, count: input.count)
                guard got >= 0 else { throw readFailure() }
                if got == 0 {
                    guard isBetweenMembers else {
                        throw KuklaError(
                            .badData, "Cannot unpack \(name): the gzip data end early; the file is cut.")
                    }
                    isFinished = true
                    break
                }
                stream.pointee.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_in = uInt(got)
            }
            if isBetweenMembers {
                try beginNextMember()
                continue
            }
            switch inflate(stream, Z_NO_FLUSH) {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: isBetweenMembers = true
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "bad gzip data"
                throw KuklaError(.badData, "Cannot unpack \(name): \(reason); the gzip file is damaged.")
            }
        }
        return wanted - Int(stream.pointee.avail_out)
    }

    /// Steps over zero padding (tapes and some archivers add it), then starts the next member.
    private func beginNextMember() throws(KuklaError) {
        while stream.pointee.avail_in > 0 && stream.pointee.next_in.pointee == 0 {
            stream.pointee.next_in += 1
            stream.pointee.avail_in -= 1
        }
        guard stream.pointee.avail_in > 0 else { return }
        guard stream.pointee.next_in.pointee == 0x1F, inflateReset(stream) == Z_OK else {
            throw KuklaError(
                .badData, "Cannot unpack \(name): bytes that are not gzip follow the end of the gzip data.")
        }
        isBetweenMembers = false
    }

    private func readFailure() -> KuklaError { .afterSystemCall("Cannot read \(name)") }
}
