import Foundation
import KuklaNumerics

/// The codes of an index: memory of our own that grows, or a part of a mapped file that is read in place.
///
/// Safe to share: only the holder of the only reference writes (`CodeBuffer` checks).
private final class CodeStorage: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let capacity: Int
    private let owner: (any AnyObject & Sendable)?

    var isWritable: Bool { owner == nil }

    /// Memory of our own, in huge pages where there is enough of it: a scan of 100 MB touches 25,000 small ones.
    init(capacity: Int) {
        let hugePage = 2 << 20
        let isLarge = capacity >= 2 * hugePage
        self.capacity = capacity
        base = .allocate(byteCount: max(capacity, 64), alignment: isLarge ? hugePage : 64)
        #if os(Linux)
            if isLarge { madvise(base, capacity / hugePage * hugePage, MADV_HUGEPAGE) }
        #endif
        owner = nil
    }

    init(borrowing bytes: UnsafeRawBufferPointer, from owner: any AnyObject & Sendable) {
        base = UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
        capacity = bytes.count
        self.owner = owner
    }

    deinit { if isWritable { base.deallocate() } }
}

/// A run of code bytes with value semantics.
struct CodeBuffer: Sendable {
    private var storage: CodeStorage
    private(set) var byteCount: Int

    /// No codes; room for `capacity` bytes.
    init(capacity: Int = 0) {
        storage = CodeStorage(capacity: capacity)
        byteCount = 0
    }

    /// Codes that lie in memory of `owner`, read in place.
    init(borrowing bytes: UnsafeRawBufferPointer, from owner: any AnyObject & Sendable) {
        storage = bytes.isEmpty ? CodeStorage(capacity: 0) : CodeStorage(borrowing: bytes, from: owner)
        byteCount = bytes.count
    }

    func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(start: storage.base, count: byteCount))
        }
    }

    /// The bytes in `range`, without a copy; changing either copies first.
    func part(_ range: Range<Int>) -> CodeBuffer {
        CodeBuffer(
            borrowing: UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(
                    start: storage.base, count: byteCount)[range]), from: storage)
    }

    /// Where the codes begin: valid while this buffer lives and is not changed.
    var base: UnsafeRawPointer { UnsafeRawPointer(storage.base) }

    /// Lets `body` change the bytes in place; copies first where the memory is shared or read-only.
    mutating func withUnsafeMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        replace(after: byteCount, count: 0) { _ in }
        return try withExtendedLifetime(storage) {
            try body(UnsafeMutableRawBufferPointer(start: storage.base, count: byteCount))
        }
    }

    /// Keeps the first `kept` bytes and lets `fill` write `count` bytes behind them.
    mutating func replace(
        after kept: Int, count: Int, with fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        contract(kept <= byteCount, "codes: \(kept) bytes kept of \(byteCount)")
        let needed = kept + count
        if !isKnownUniquelyReferenced(&storage) || !storage.isWritable || storage.capacity < needed {
            // Half as much again, so that many small additions cost linear time.
            let larger = CodeStorage(
                capacity: storage.isWritable && byteCount > 0 ? max(needed, kept + kept / 2) : needed)
            larger.base.copyMemory(from: storage.base, byteCount: kept)
            storage = larger
        }
        fill(UnsafeMutableRawBufferPointer(start: storage.base + kept, count: count))
        byteCount = needed
    }
}
