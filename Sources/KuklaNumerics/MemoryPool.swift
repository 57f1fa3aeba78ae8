import Foundation
import Synchronization

/// Blocks of memory that are kept for the next one who needs about as much.
///
/// A training step asks for the same large blocks again and again; fresh pages from the operating system cost more
/// than the arithmetic on them. Blocks under 64 KiB go to `malloc`. What lies idle here never makes the sum of
/// used and idle memory exceed the most that was ever in use, by more than an eighth.
package enum MemoryPool {
    /// Sizes from here on are pooled.
    static let threshold = 1 << 16

    private struct State {
        var idle: [Int: [UnsafeMutableRawPointer]] = [:]  // by block size
        var idleBytes = 0
        var usedBytes = 0
        var peakBytes = 0
    }

    // Raw pointers are not Sendable; the lock is what makes this safe, and each pointer has one owner.
    private struct Box: @unchecked Sendable { var state = State() }
    private static let shared = Mutex(Box())

    /// The size of the block that serves `bytes`: eight sizes for each doubling, at most an eighth wasted.
    package static func blockSize(for bytes: Int) -> Int {
        guard bytes >= threshold else { return max(bytes, 1) }
        let step = (1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)) >> 3
        return (bytes + step - 1) / step * step
    }

    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let size = blockSize(for: bytes)
        guard size >= threshold else { return .allocate(byteCount: size, alignment: 64) }
        let pooled: UInt? = shared.withLock { box in
            box.state.usedBytes += size
            box.state.peakBytes = max(box.state.peakBytes, box.state.usedBytes)
            if let block = box.state.idle[size]?.popLast() {
                box.state.idleBytes -= size
                return UInt(bitPattern: block)
            }
            trim(&box.state)
            return nil
        }
        if let pooled, let block = UnsafeMutableRawPointer(bitPattern: pooled) { return block }
        let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let block, block != MAP_FAILED else {
            fatalError("Out of memory: the operating system refused \(size) bytes")
        }
        #if os(Linux)
            if size >= 1 << 22 { madvise(block, size, 14) }  // MADV_HUGEPAGE: fewer page faults
        #endif
        return block
    }

    static func release(_ block: UnsafeMutableRawPointer, bytes: Int) {
        let size = blockSize(for: bytes)
        guard size >= threshold else { return block.deallocate() }
        let address = UInt(bitPattern: block)
        shared.withLock { box in
            box.state.usedBytes -= size
            box.state.idleBytes += size
            if let block = UnsafeMutableRawPointer(bitPattern: address) {
                box.state.idle[size, default: []].append(block)
            }
            trim(&box.state)
        }
    }

    // Gives the largest idle blocks back until used and idle memory together fit.
    private static func trim(_ state: inout State) {
        let most = max(state.peakBytes + state.peakBytes / 8, 1 << 24)
        guard state.usedBytes + state.idleBytes > most else { return }
        for size in state.idle.keys.sorted(by: >) {
            while state.usedBytes + state.idleBytes > most, let block = state.idle[size]?.popLast() {
                munmap(block, size)
                state.idleBytes -= size
            }
        }
    }

    /// Bytes in use and idle now, and the most that were ever in use: for benchmarks and `kukla doctor`.
    package static var usage: (used: Int, idle: Int, peak: Int) {
        shared.withLock { ($0.state.usedBytes, $0.state.idleBytes, $0.state.peakBytes) }
    }
}
