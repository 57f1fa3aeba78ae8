import Foundation

/// Large blocks of memory, cut from what was used before where it lasts.
///
/// A training step asks for the same large blocks again and again, in sizes that differ from batch to batch; fresh pages from the
/// operating system cost more than the arithmetic on them. What is freed joins its free neighbours, so that a block of any
/// size can be cut from it. Blocks under 64 KiB go to `malloc`. Used and idle memory together stay within one and a half of
/// the most that was ever in use at a time.
package enum MemoryPool {
    /// Sizes from here on are pooled.
    static let threshold = 1 << 16
    private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// What is asked of the operating system at a time, at least: two huge pages.
    private static let chunk = 1 << 22

    private struct State {
        var idle = FreeRanges()
        var usedBytes = 0
        var peakBytes = 0
    }

    private static let shared = Guarded(State())

    /// The size of the block that serves `bytes`.
    package static func blockSize(for bytes: Int) -> Int {
        bytes < threshold ? max(bytes, 1) : (bytes + page - 1) / page * page
    }

    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let size = blockSize(for: bytes)
        guard size >= threshold else { return .allocate(byteCount: size, alignment: 64) }
        let address: UInt? = shared.withLock { state in
            state.usedBytes += size
            state.peakBytes = max(state.peakBytes, state.usedBytes)
            return state.idle.take(size) ?? grow(&state, by: size)
        }
        guard let address, let block = UnsafeMutableRawPointer(bitPattern: address) else {
            fatalError("Out of memory: the operating system refused \(size) bytes")
        }
        return block
    }

    static func release(_ block: UnsafeMutableRawPointer, bytes: Int) {
        let size = blockSize(for: bytes)
        guard size >= threshold else { return block.deallocate() }
        let address = UInt(bitPattern: block)
        shared.withLock { state in
            state.usedBytes -= size
            state.idle.insert(FreeRanges.Range(start: address, size: size))
        }
    }

    // Fresh memory: the block, and what is left of a chunk as idle. Idle memory goes back where there would be too much.
    private static func grow(_ state: inout State, by size: Int) -> UInt? {
        let fresh = max(size, chunk)
        let most = max(state.peakBytes + state.peakBytes / 2, 1 << 24)
        giveBack(state.usedBytes + state.idle.bytes + fresh - size - most, of: &state)
        var block = mmap(nil, fresh, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if block == MAP_FAILED {
            // A limit on the address space counts what lies idle too.
            giveBack(state.idle.bytes, of: &state)
            block = mmap(nil, fresh, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        }
        guard let block, block != MAP_FAILED else { return nil }
        #if os(Linux)
            madvise(block, fresh, 14)  // MADV_HUGEPAGE: fewer page faults
        #endif
        let start = UInt(bitPattern: block)
        if fresh > size {
            state.idle.insert(FreeRanges.Range(start: start + UInt(size), size: fresh - size))
        }
        return start
    }

    // Only whole pages can be given back: the system refuses others, and they would be lost.
    private static func giveBack(_ bytes: Int, of state: inout State) {
        guard bytes > 0 else { return }
        for range in state.idle.removeLargest(blockSize(for: max(bytes, threshold))) {
            let failed = munmap(UnsafeMutableRawPointer(bitPattern: range.start), range.size) != 0
            precondition(!failed, "MemoryPool: \(range.size) bytes at \(range.start) cannot be given back")
        }
    }

    /// Bytes of blocks in use and of idle memory that is kept.
    package static var held: (used: Int, idle: Int) { shared.withLock { ($0.usedBytes, $0.idle.bytes) } }
}
