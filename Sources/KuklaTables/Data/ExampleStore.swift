import KuklaNumerics
public import KuklaTensor

/// Which rows an example belongs to.
public enum ExamplePart: UInt8, Sendable, CaseIterable {
    case training, validation, test
}

/// Rows of a table as numbers: an id for each categorical column, numbers, lists of ids, a label.
///
/// All in a few blocks of memory: 4 bytes an id, a number and a label, 12 a list and 4 an id in it. Lists that were made from
/// the rows themselves overlap, and share memory.
public struct ExampleStore: Sendable {
    /// Categorical columns, numeric columns.
    public let categoryCount, numberCount: Int
    /// Rows.
    public let count: Int
    let ids: AlignedStorage<Int32>
    let numbers: AlignedStorage<Float>
    let labels: AlignedStorage<Float>
    let parts: AlignedStorage<UInt8>
    /// Whose row it is, numbered from 0; nil where the schema names no user.
    let users: AlignedStorage<Int32>?
    let lists: [ListColumn]

    /// Lists of ids, one for each row.
    struct ListColumn: Sendable {
        /// The fields of the ids: one event has one of each.
        let fields: [Int]
        /// `[events, fields.count]`.
        let items: AlignedStorage<Int32>
        /// The first event of each row's list, and how many.
        let starts: AlignedStorage<Int64>
        let lengths: AlignedStorage<Int32>
    }

    /// The fields that each kind of list has ids of.
    public var listFields: [[Int]] { lists.map(\.fields) }

    /// The numbers of a part's rows, ascending.
    public func rows(_ part: ExamplePart) -> [Int32] {
        (0..<Int32(count)).filter { parts.pointer[Int($0)] == part.rawValue }
    }

    /// The label of a row: 1 or 0.
    public func label(_ row: Int32) -> Float {
        contract(row >= 0 && row < count, "ExampleStore: row \(row) of \(count)")
        return labels.pointer[Int(row)]
    }

    /// The labels of rows.
    public func labels(of rows: [Int32]) -> [Float] { rows.map { label($0) } }

    /// Whose rows they are; nil where the schema names no user.
    public func users(of rows: [Int32]) -> [Int32]? {
        guard let users else { return nil }
        return rows.map { users.pointer[Int($0)] }
    }

    /// The ids of one row's categorical columns.
    public func ids(of row: Int32) -> [Int32] {
        (0..<categoryCount).map { ids.pointer[Int(row) * categoryCount + $0] }
    }

    /// The ids in a row's list of that kind, oldest first, one after another where an event has several.
    public func list(_ kind: Int, of row: Int32) -> [Int32] {
        let list = lists[kind]
        let width = list.fields.count
        let start = Int(list.starts.pointer[Int(row)]) * width
        return (0..<Int(list.lengths.pointer[Int(row)]) * width).map { list.items.pointer[start + $0] }
    }
}

/// Rows that are computed together.
public struct ExampleBatch: Sendable {
    /// Rows.
    public let count: Int
    /// `[count, categorical columns]`, row-major.
    public let ids: [Int32]
    /// `[count, numeric columns]`; nil where there are none.
    public let numbers: Tensor?
    /// `[count]`, 0 or 1.
    public let labels: Tensor
    public let lists: [RaggedIDs]

    /// Lists of one kind.
    public struct RaggedIDs: Sendable {
        /// The fields of the ids.
        public let fields: [Int]
        /// `[events, fields.count]`, row-major.
        public let ids: [Int32]
        /// The first event of each row, and behind the last row the number of events.
        public let offsets: [Int32]

        public init(fields: [Int], ids: [Int32], offsets: [Int32]) {
            self.fields = fields
            self.ids = ids
            self.offsets = offsets
        }

        /// Events of all rows.
        public var eventCount: Int { Int(offsets.last ?? 0) }
        /// The row of each event.
        public var owners: [Int32] {
            var result: [Int32] = []
            result.reserveCapacity(eventCount)
            for row in 0..<max(0, offsets.count - 1) {
                for _ in offsets[row]..<offsets[row + 1] { result.append(Int32(row)) }
            }
            return result
        }
    }

    public init(count: Int, ids: [Int32], numbers: Tensor?, labels: Tensor, lists: [RaggedIDs]) {
        self.count = count
        self.ids = ids
        self.numbers = numbers
        self.labels = labels
        self.lists = lists
    }
}

extension ExampleStore {
    /// The rows of that number, copied.
    ///
    /// - Complexity: O(what they hold).
    public func batch(_ rows: some RandomAccessCollection<Int32>) -> ExampleBatch {
        let n = rows.count
        let ids = [Int32](unsafeUninitializedCapacity: n * categoryCount) { out, filled in
            if let to = out.baseAddress { gather(rows, from: self.ids.pointer, width: categoryCount, to: to) }
            filled = n * categoryCount
        }
        let numbers =
            numberCount == 0
            ? nil
            : Tensor(shape: [n, numberCount]) { out in
                guard let to = out.baseAddress else { return }
                gather(rows, from: self.numbers.pointer, width: numberCount, to: to)
            }
        let labels = Tensor(shape: [n]) { out in
            guard let to = out.baseAddress else { return }
            gather(rows, from: self.labels.pointer, width: 1, to: to)
        }
        return ExampleBatch(
            count: n, ids: ids, numbers: numbers, labels: labels, lists: lists.map { $0.gathered(rows) })
    }

    private func gather<Element: BitwiseCopyable>(
        _ rows: some RandomAccessCollection<Int32>, from: UnsafeMutablePointer<Element>, width: Int,
        to: UnsafeMutablePointer<Element>
    ) {
        var place = to
        for row in rows {
            let source = from + Int(row) * width
            for i in 0..<width { place[i] = source[i] }
            place += width
        }
    }
}

extension ExampleStore.ListColumn {
    fileprivate func gathered(_ rows: some RandomAccessCollection<Int32>) -> ExampleBatch.RaggedIDs {
        let width = fields.count
        var offsets: [Int32] = [0]
        offsets.reserveCapacity(rows.count + 1)
        var total: Int32 = 0
        for row in rows {
            total += lengths.pointer[Int(row)]
            offsets.append(total)
        }
        let ids = [Int32](unsafeUninitializedCapacity: Int(total) * width) { out, filled in
            filled = Int(total) * width
            guard var place = out.baseAddress else { return }
            for row in rows {
                let count = Int(lengths.pointer[Int(row)]) * width
                place.update(from: items.pointer + Int(starts.pointer[Int(row)]) * width, count: count)
                place += count
            }
        }
        return ExampleBatch.RaggedIDs(fields: fields, ids: ids, offsets: offsets)
    }
}
