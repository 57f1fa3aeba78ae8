import KuklaNumerics

/// Equal row numbers brought together: which rows there are, ascending, and where each was named, in order.
package struct RowGroups {
    /// Each row once, ascending.
    package let rows: [Int32]
    /// Positions in the list that was given; group g has those from `starts[g]` to `starts[g + 1]`.
    package let positions: [Int32]
    package let starts: [Int32]

    /// Traps on a row that is not in `0..<bound`.
    ///
    /// A radix sort by 11 bits at a time, stable: as many passes as the largest row has digits.
    package init(_ list: [Int32], below bound: Int) {
        let count = list.count
        var largest: UInt32 = 0
        for row in list { largest = max(largest, UInt32(bitPattern: row)) }  // a negative row is a large one
        if count > 0, Int(largest) >= bound {
            let row = list.first { $0 < 0 || Int($0) >= bound } ?? -1
            contract(false, "RowGradient: row \(row) of \(bound)")
        }
        // The row above, the position below.
        let scratch = AlignedStorage<UInt64>(uninitialized: 2 * count)
        let keys = RowGroups.sorted(list, scratch.pointer, digits: 32 - largest.leadingZeroBitCount)
        positions = [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count { buffer[i] = Int32(truncatingIfNeeded: keys[i]) }
            initialized = count
        }
        var groups = 0
        var rows = [Int32](repeating: 0, count: count)
        var starts = [Int32](repeating: 0, count: count + 1)
        rows.withUnsafeMutableBufferPointer { rows in
            starts.withUnsafeMutableBufferPointer { starts in
                for i in 0..<count {
                    let row = Int32(truncatingIfNeeded: keys[i] >> 32)
                    if groups > 0 && rows[groups - 1] == row { continue }
                    rows[groups] = row
                    starts[groups] = Int32(i)
                    groups += 1
                }
            }
        }
        withExtendedLifetime(scratch) {}
        rows.removeSubrange(groups...)
        starts.removeSubrange(groups...)
        starts.append(Int32(count))
        (self.rows, self.starts) = (rows, starts)
    }

    // Row and position of each element in one number, sorted by row; `scratch` holds them twice.
    private static func sorted(
        _ list: [Int32], _ scratch: UnsafeMutablePointer<UInt64>, digits: Int
    ) -> UnsafeMutablePointer<UInt64> {
        let count = list.count
        var (keys, other) = (scratch, scratch + count)
        list.withUnsafeBufferPointer {
            for i in 0..<count { keys[i] = UInt64($0[i]) << 32 | UInt64(i) }
        }
        let bits = 11
        let mask = UInt64(1) << UInt64(bits) - 1
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << bits) { counts in
            for shift in stride(from: UInt64(32), to: UInt64(32 + digits), by: bits) {
                counts.update(repeating: 0)
                for i in 0..<count { counts[Int(keys[i] >> shift & mask)] += 1 }
                var sum = 0
                for d in counts.indices { (counts[d], sum) = (sum, sum + counts[d]) }
                for i in 0..<count {
                    let digit = Int(keys[i] >> shift & mask)
                    other[counts[digit]] = keys[i]
                    counts[digit] += 1
                }
                swap(&keys, &other)
            }
        }
        return keys
    }
}
