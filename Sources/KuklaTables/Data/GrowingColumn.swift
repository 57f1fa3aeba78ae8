import KuklaNumerics

/// Numbers that come one by one, in one block of memory that doubles when it is full.
struct GrowingColumn<Element: BitwiseCopyable> {
    private(set) var count = 0
    private var storage = AlignedStorage<Element>(uninitialized: 1 << 8)

    /// Where they lie, until the next `append`.
    var pointer: UnsafeMutablePointer<Element> { storage.pointer }

    mutating func append(_ element: Element) {
        if count == storage.buffer.count { storage = storage.grown(to: 2 * count, keeping: count) }
        storage.pointer[count] = element
        count += 1
    }

    /// Forgets the last ones: a row that turned out to be bad.
    mutating func cut(to count: Int) { self.count = min(self.count, count) }

    /// All of them; the column begins anew.
    mutating func take() -> AlignedStorage<Element> {
        let result = count == storage.buffer.count ? storage : storage.exactly(count)
        self = GrowingColumn()
        return result
    }
}

extension AlignedStorage {
    fileprivate func exactly(_ count: Int) -> AlignedStorage {
        let result = AlignedStorage(uninitialized: count)
        result.pointer.update(from: pointer, count: count)
        return result
    }
}
