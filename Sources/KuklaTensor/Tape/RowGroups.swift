import KuklaNumerics

/// Equal row numbers brought together: which rows there are, ascending, and where each was named, in order.
struct RowGroups {
    /// Each row once, ascending.
    let rows: [Int32]
    /// Positions in the list that was given; group g has those from `starts[g]` to `starts[g + 1]`.
    let positions: [Int32]
    let starts: [Int32]

    /// Traps on a row that is not in `0..<bound`.
    ///
    /// A radix sort by 11 bits at a time, stable: as many passes as the largest row has digits.
    init(_ list: [Int32], below bound: Int) {
        let count = list.count
        var largest: UInt32 = 0
        for row in list { largest = max(largest, UInt32(bitPattern: row)) }  // a negative row is a large one
        if count > 0, Int(largest) >= bound {
            let row = list.first { $0 < 0 || Int($0) >= bound } ?? -1
            contract(false, "RowGradient: row \(row) of \(bound)")
        }
        // The row above, the position below.
        var keys = AlignedStorage<UInt64>(uninitialized: count)
        for (i, row) in list.enumerated() { keys.pointer[i] = UInt64(row) << 32 | UInt64(i) }
        var other = AlignedStorage<UInt64>(uninitialized: count)
        let digitBits = 11
        var counts = [Int](repeating: 0, count: 1 << digitBits)
        for shift in stride(from: 32, to: 32 + (32 - largest.leadingZeroBitCount), by: digitBits) {
            let mask = UInt64(counts.count - 1)
            for d in counts.indices { counts[d] = 0 }
            for i in 0..<count { counts[Int(keys.pointer[i] >> UInt64(shift) & mask)] += 1 }
            var sum = 0
            for d in counts.indices { (counts[d], sum) = (sum, sum + counts[d]) }
            counts.withUnsafeMutableBufferPointer { counts in
                for i in 0..<count {
                    let key = keys.pointer[i]
                    let digit = Int(key >> UInt64(shift) & mask)
                    other.pointer[counts[digit]] = key
                    counts[digit] += 1
                }
            }
            swap(&keys, &other)
        }
        let sorted = keys
        positions = [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            for i in 0..<count { buffer[i] = Int32(truncatingIfNeeded: sorted.pointer[i]) }
            initialized = count
        }
        var rows: [Int32] = []
        var starts: [Int32] = []
        rows.reserveCapacity(count)
        starts.reserveCapacity(count + 1)
        for i in 0..<count {
            let row = Int32(truncatingIfNeeded: sorted.pointer[i] >> 32)
            if rows.last != row {
                rows.append(row)
                starts.append(Int32(i))
            }
        }
        starts.append(Int32(count))
        (self.rows, self.starts) = (rows, starts)
    }
}
