import KuklaNumerics

/// Numbers that come one by one, in one block that doubles when it is full: in memory, and from `spillAfter` bytes on in a file that
/// the system may write out.
struct GrowingColumn<Element: BitwiseCopyable> {
    private(set) var count = 0
    private var storage = AlignedStorage<Element>(uninitialized: 1 << 8)
    private var file: SpillFile?
    private let spillAfter: Int

    init(spillAfter: Int = .max) { self.spillAfter = spillAfter }

    /// Where they lie, until the next `append`.
    var pointer: UnsafeMutablePointer<Element> { storage.pointer }

    mutating func append(_ element: Element) {
        if count == storage.buffer.count { grow() }
        storage.pointer[count] = element
        count += 1
    }

    /// All of them; the column begins anew.
    mutating func take() -> AlignedStorage<Element> {
        let result: AlignedStorage<Element>
        if let file {
            result = file.storage(of: count)
        } else {
            result = count == storage.buffer.count ? storage : storage.grown(to: count, keeping: count)
        }
        self = GrowingColumn(spillAfter: spillAfter)
        return result
    }

    private mutating func grow() {
        let bytes = 2 * count * MemoryLayout<Element>.stride
        if let file, let longer = file.grown(to: bytes) {
            self.file = longer
            storage = longer.storage(of: 2 * count)
        } else if bytes > spillAfter, file == nil, let first = SpillFile.create(bytes) {
            first.base.copyMemory(from: storage.pointer, byteCount: bytes / 2)
            file = first
            storage = first.storage(of: 2 * count)
        } else {
            // Also where a file could grow no further: what it held moves back.
            storage = storage.grown(to: 2 * count, keeping: count)
            file = nil
        }
    }
}

extension SpillFile {
    /// Its first numbers. They are not meant to be written by those who get them.
    fileprivate func storage<Element: BitwiseCopyable>(of count: Int) -> AlignedStorage<Element> {
        AlignedStorage(
            borrowing: UnsafeBufferPointer(
                start: base.bindMemory(to: Element.self, capacity: count), count: count),
            from: self)
    }
}
