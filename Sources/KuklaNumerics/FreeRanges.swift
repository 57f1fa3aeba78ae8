/// Ranges of addresses that nobody uses, neighbours joined: the book-keeping of `MemoryPool`.
///
/// - Complexity: O(count of ranges) each; these are few, because only large blocks come here.
package struct FreeRanges {
    package struct Range: Equatable, Sendable {
        package var start: UInt
        package var size: Int
        package var end: UInt { start + UInt(size) }

        package init(start: UInt, size: Int) { (self.start, self.size) = (start, size) }
    }

    /// Ascending; no two touch.
    package private(set) var ranges: [Range] = []
    /// The sum of all sizes.
    package private(set) var bytes = 0

    package init() {}

    /// Takes `size` bytes from the smallest range that holds them, the lowest of equals.
    package mutating func take(_ size: Int) -> UInt? {
        var best: Int?
        for i in ranges.indices where ranges[i].size >= size {
            if let found = best, ranges[found].size <= ranges[i].size { continue }
            best = i
        }
        guard let best else { return nil }
        let start = ranges[best].start
        bytes -= size
        if ranges[best].size == size {
            ranges.remove(at: best)
        } else {
            ranges[best].start += UInt(size)
            ranges[best].size -= size
        }
        return start
    }

    /// Gives a range back.
    package mutating func insert(_ range: Range) {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].start < range.start { low = middle + 1 } else { high = middle }
        }
        bytes += range.size
        let joinsBelow = low > 0 && ranges[low - 1].end == range.start
        let joinsAbove = low < ranges.count && range.end == ranges[low].start
        if joinsBelow {
            ranges[low - 1].size += range.size + (joinsAbove ? ranges[low].size : 0)
            if joinsAbove { ranges.remove(at: low) }
        } else if joinsAbove {
            ranges[low].start = range.start
            ranges[low].size += range.size
        } else {
            ranges.insert(range, at: low)
        }
    }

    /// Takes at least `size` bytes out for good, or all there are, the ends of the largest ranges first.
    package mutating func removeLargest(_ size: Int) -> [Range] {
        var removed: [Range] = []
        var left = size
        while left > 0, let largest = ranges.indices.max(by: { ranges[$0].size < ranges[$1].size }) {
            let part = min(ranges[largest].size, left)
            let end = ranges[largest].end
            removed.append(Range(start: end - UInt(part), size: part))
            ranges[largest].size -= part
            if ranges[largest].size == 0 { ranges.remove(at: largest) }
            left -= part
            bytes -= part
        }
        return removed
    }
}
