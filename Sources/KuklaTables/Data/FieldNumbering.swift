import KuklaNumerics

/// A table of values that a reader adds to, in place whoever holds it.
final class GrowingValues {
    var table = ValueTable()
}

/// How the values of one field become numbers while a table is read.
enum FieldNumbering {
    /// By first appearance; numbers of use are given when all was read.
    case growing(GrowingValues)
    /// By hash.
    case hashed(Int)
    /// As training had them.
    case known(IDVocabulary)

    func number(_ value: UnsafeRawBufferPointer) -> Int32 {
        switch self {
        case .growing(let values): return values.table.insert(value, hash: ValueHash.hash(value))
        case .hashed(let buckets): return IDVocabulary.bucket(ValueHash.hash(value), of: buckets)
        case .known(let vocabulary): return vocabulary.id(of: value)
        }
    }

    /// How many different numbers were given, hashed ones as many as there may be.
    var count: Int {
        switch self {
        case .growing(let values): values.table.count
        case .hashed(let buckets): buckets
        case .known(let vocabulary): vocabulary.count
        }
    }
}

/// What becomes of provisional numbers: the id of each, and the vocabulary of those that training saw.
struct FinalIDs {
    let ids: [Int32]?
    let vocabulary: IDVocabulary

    /// - Parameters:
    ///   - counts: how often training saw each provisional number.
    ///   - minimum: values that training saw fewer times are unknown.
    init(name: String, _ numbering: FieldNumbering, counts: [UInt32], minimum: Int) {
        switch numbering {
        case .known(let known):
            (ids, vocabulary) = (nil, known)
        case .hashed:
            ids = nil
            vocabulary = IDVocabulary(name: name, values: nil, counts: AlignedStorage(counts))
        case .growing(let values):
            let table = values.table
            // The most frequent first, of equals the one that came first.
            let order = counts.indices.filter { counts[$0] >= UInt32(minimum) }
                .sorted { (counts[$1], $0) < (counts[$0], $1) }
            var ids = [Int32](repeating: -1, count: table.count)
            var sorted = ValueTable()
            for number in order {
                let value = table.value(number)
                ids[number] = sorted.insert(value, hash: ValueHash.hash(value))
            }
            for number in ids.indices where ids[number] < 0 {
                ids[number] = IDVocabulary.unseen(ValueHash.hash(table.value(number)), known: order.count)
            }
            self.ids = ids
            vocabulary = IDVocabulary(
                name: name, values: sorted, counts: AlignedStorage(order.map { counts[$0] }))
        }
    }
}
