import KuklaNumerics

/// Which row of one matrix an id's vector is: what dense, hashed, remapped and multiplexed tables differ in.
protocol RowAddressing: Sendable {
    /// Rows that the matrix has.
    var rowCount: Int { get }
    /// Rows that each field's vector is made of, one behind another.
    var lookups: [Int] { get }
    /// The row of an id, -1 where there is none and the vector is zeros.
    func row(field: Int, id: Int32, lookup: Int) -> Int32
    /// Writes the rows of a lookup of many ids of a field, each `step` ids behind the one before, each `stride` numbers behind the one before.
    func fill(
        field: Int, lookup: Int, ids: UnsafePointer<Int32>, step: Int, count: Int,
        into out: UnsafeMutablePointer<Int32>, stride: Int)
    /// Index words that are saved beside the matrix.
    var arrays: [TableArray] { get }
    /// Sizes for the file's metadata.
    var facts: [String: [Int]] { get }
}

extension RowAddressing {
    var arrays: [TableArray] { [] }
    var facts: [String: [Int]] { [:] }

    func fill(
        field: Int, lookup: Int, ids: UnsafePointer<Int32>, step: Int, count: Int,
        into out: UnsafeMutablePointer<Int32>, stride: Int
    ) {
        for i in 0..<count { out[i * stride] = row(field: field, id: ids[i * step], lookup: lookup) }
    }

    /// Writes the rows of the ids of some rows of a batch, column after column: what a field's ids have in common is fetched once.
    func rows(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Int32>
    ) {
        let perRow = fields.reduce(0) { $0 + lookups[$1] }
        var first = 0
        for (column, field) in fields.enumerated() {
            for lookup in 0..<lookups[field] {
                fill(
                    field: field, lookup: lookup, ids: ids + column, step: fields.count, count: rows,
                    into: out + first, stride: perRow)
                first += 1
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

    func fill(
        field: Int, lookup: Int, ids: UnsafePointer<Int32>, step: Int, count: Int,
        into out: UnsafeMutablePointer<Int32>, stride: Int
    ) {
        let (start, limit) = (layout.starts[field], layout.counts[field])
        for i in 0..<count {
            let id = ids[i * step]
            out[i * stride] = UInt32(bitPattern: id) < limit ? start &+ id : -1
        }
    }
}
