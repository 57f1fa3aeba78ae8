import KuklaNumerics

/// What users did, in the order of a file, and from it what each had done before.
struct HistoryEvents {
    private var users = GrowingColumn<Int32>()
    private var times = GrowingColumn<Double>()
    private var items = GrowingColumn<Int32>()
    /// The first of an event's items; -1 where it is not remembered.
    private var places = GrowingColumn<Int64>()
    /// The row of the store; -1 where it has none.
    private var rows = GrowingColumn<Int64>()

    /// - Parameters:
    ///   - items: what is remembered of it; nil: nothing.
    ///   - row: the row that wants to know what came before.
    mutating func append(user: Int32, time: Double, items: [Int32]?, row: Int?) {
        users.append(user)
        times.append(time)
        places.append(items == nil ? -1 : Int64(self.items.count))
        for item in items ?? [] { self.items.append(item) }
        rows.append(Int64(row ?? -1))
    }

    /// The list of each of `rowCount` rows: the last `last` events of the same user at strictly earlier times.
    ///
    /// Events lie by user and time in one block, and lists are stretches of it.
    /// - Complexity: O(n log n) for n events.
    func lists(fields: [Int], last: Int, rowCount: Int) -> ExampleStore.ListColumn {
        let (users, times, places, rows) = (users, times, places, rows)
        let order = (0..<users.count).sorted { a, b in
            (users.pointer[a], times.pointer[a], a) < (users.pointer[b], times.pointer[b], b)
        }
        var sorted = GrowingColumn<Int32>()
        let starts = AlignedStorage<Int64>(zeros: rowCount)
        let lengths = AlignedStorage<Int32>(zeros: rowCount)
        var count = 0  // events remembered so far
        var first = 0  // the first of this user
        var waiting: [Int] = []  // events of this moment, remembered only after it
        for (i, event) in order.enumerated() {
            let isNewUser = i == 0 || users.pointer[order[i - 1]] != users.pointer[event]
            if isNewUser || times.pointer[order[i - 1]] != times.pointer[event] {
                for earlier in waiting where places.pointer[earlier] >= 0 {
                    for k in fields.indices {
                        sorted.append(items.pointer[Int(places.pointer[earlier]) + k])
                    }
                    count += 1
                }
                waiting.removeAll(keepingCapacity: true)
            }
            if isNewUser { first = count }
            waiting.append(event)
            let row = Int(rows.pointer[event])
            guard row >= 0 else { continue }
            let length = min(last, count - first)
            starts.pointer[row] = Int64(count - length)
            lengths.pointer[row] = Int32(length)
        }
        return ExampleStore.ListColumn(fields: fields, items: sorted.take(), starts: starts, lengths: lengths)
    }
}
