import KuklaNumerics

/// Which row of one matrix an id's vector is: what dense, hashed, remapped and multiplexed tables differ in.
protocol RowAddressing: Sendable {
    /// Rows that the matrix has.
    var rowCount: Int { get }
    /// Rows that each field's vector is made of, one behind another.
    var lookups: [Int] { get }
    /// The row of an id, -1 where there is none and the vector is zeros.
    func row(field: Int, id: Int32, lookup: Int) -> Int32
    /// Index words that are saved beside the matrix.
    var arrays: [TableArray] { get }
    /// Sizes for the file's metadata.
    var facts: [String: [Int]] { get }
}

extension RowAddressing {
    var arrays: [TableArray] { [] }
    var facts: [String: [Int]] { [:] }

    /// Writes the rows of the ids of some rows of a batch.
    @inline(__always)
    func rows(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Int32>
    ) {
        var (id, to) = (ids, out)
        for _ in 0..<rows {
            for field in fields {
                for lookup in 0..<lookups[field] {
                    to.pointee = row(field: field, id: id.pointee, lookup: lookup)
                    to += 1
                }
                id += 1
            }
        }
    }

    /// The rows of a batch, in the order of its ids and their lookups.
    func rows(of batch: IdBatch) -> [Int32] {
        let count = batch.rows * batch.fields.reduce(0) { $0 + lookups[$1] }
        return [Int32](unsafeUninitializedCapacity: count) { out, initialized in
            batch.ids.withUnsafeBufferPointer { ids in
                batch.fields.withUnsafeBufferPointer { fields in
                    guard let ids = ids.baseAddress, let out = out.baseAddress else { return }
                    rows(ids, rows: batch.rows, fields: fields, into: out)
                }
            }
            initialized = count
        }
    }
}

/// A row for each id of some fields, field after field.
struct RowPerId: RowAddressing {
    private let layout: FieldRows
    let lookups: [Int]

    /// - Parameter counts: rows of each field; 0 for a field that has no rows here.
    init(_ counts: [Int]) {
        layout = FieldRows(counts)
        lookups = layout.oneLookupEach
    }

    var rowCount: Int { layout.total }

    func row(field: Int, id: Int32, lookup: Int) -> Int32 {
        // As an unsigned number a negative id is a large one.
        UInt32(bitPattern: id) < layout.counts[field] ? layout.starts[field] + id : -1
    }
}
