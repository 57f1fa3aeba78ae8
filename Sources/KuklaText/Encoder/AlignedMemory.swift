/// Memory on a 64-byte boundary for packed weights and scratch.
///
/// `@unchecked Sendable`: weights are written before the encoder that owns them is shared and only read
/// afterwards; scratch belongs to one worker at a time (`ScratchPool` hands it out under a lock).
final class AlignedMemory<Element: BitwiseCopyable>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Element>
    let count: Int

    /// `count` elements (at least one), all bits zero.
    init(zeros count: Int) {
        self.count = max(count, 1)
        let bytes = self.count * MemoryLayout<Element>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        pointer = raw.assumingMemoryBound(to: Element.self)
    }

    /// A copy of `elements`.
    convenience init(_ elements: [Element]) {
        self.init(zeros: elements.count)
        elements.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
        }
    }

    deinit { UnsafeMutableRawPointer(pointer).deallocate() }
}
