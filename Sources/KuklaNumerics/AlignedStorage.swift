/// A fixed-size block of memory on a 64-byte boundary, owned or borrowed from a longer-lived owner.
///
/// Safe to share: whoever holds the only reference may write (`Matrix` checks that before it does), and
/// a block that belongs to someone else (a memory map) is never written.
package final class AlignedStorage<Element: BitwiseCopyable>: @unchecked Sendable {
    @usableFromInline package let buffer: UnsafeMutableBufferPointer<Element>
    package let isWritable: Bool
    private let owner: (any AnyObject & Sendable)?

    /// Uninitialised memory for `count` elements; the caller fills all of it before anyone reads.
    package init(uninitialized count: Int) {
        let raw = MemoryPool.allocate(count * MemoryLayout<Element>.stride)
        buffer = UnsafeMutableBufferPointer(
            start: raw.bindMemory(to: Element.self, capacity: count), count: count)
        isWritable = true
        owner = nil
    }

    /// `count` elements, all bits zero.
    package convenience init(zeros count: Int) {
        self.init(uninitialized: count)
        UnsafeMutableRawBufferPointer(buffer).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// A copy of `elements`.
    package convenience init(_ elements: [Element]) {
        self.init(uninitialized: elements.count)
        _ = buffer.update(fromContentsOf: elements)
    }

    /// Where the elements begin, also where there are none.
    @inlinable package var pointer: UnsafeMutablePointer<Element> { buffer.baseAddress! }

    /// Memory that lives as long as `owner`, read-only.
    package init(borrowing memory: UnsafeBufferPointer<Element>, from owner: any AnyObject & Sendable) {
        buffer = UnsafeMutableBufferPointer(mutating: memory)
        isWritable = false
        self.owner = owner
    }

    deinit {
        guard isWritable else { return }
        MemoryPool.release(
            UnsafeMutableRawPointer(pointer), bytes: buffer.count * MemoryLayout<Element>.stride)
    }
}
