/// Which slots of a graph a search may find.
struct SlotFilter: Sendable {
    /// One bit a slot.
    private let words: [UInt64]
    let count: Int

    /// - Parameter ids: the id of each slot, where they differ.
    init(_ allowed: RowSet, slots: Int, ids: CodeBuffer?) {
        guard let ids else {
            words = allowed.words
            count = allowed.count
            return
        }
        let slotSet = ids.withUnsafeBytes { bytes in
            RowSet(capacity: slots) {
                allowed.contains(Int(bytes.load(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
        words = slotSet.words
        count = slotSet.count
    }

    /// Calls `body` with what answers whether a slot may be found.
    @inline(__always)
    func withTest<Result>(_ body: (SlotTest) -> Result) -> Result {
        words.withUnsafeBufferPointer { body(SlotTest(words: $0.baseAddress!)) }
    }

    /// All slots, in order.
    var slots: [UInt32] {
        var all: [UInt32] = []
        all.reserveCapacity(count)
        for (index, word) in words.enumerated() {
            var left = word
            while left != 0 {
                all.append(UInt32(index * 64 + left.trailingZeroBitCount))
                left &= left - 1
            }
        }
        return all
    }
}

struct SlotTest {
    let words: UnsafePointer<UInt64>

    @inline(__always)
    func allows(_ slot: UInt32) -> Bool { words[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 }
}
