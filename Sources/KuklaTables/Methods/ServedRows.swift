import CKernels
import KuklaNumerics
import KuklaTensor

/// A served table whose vectors are float32 rows of one matrix, found by an addressing.
struct ServedRows<Addressing: RowAddressing>: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: Addressing
    let widths: [Int]
    private let weight: AlignedStorage<Float>

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ addressing: Addressing,
        weight: AlignedStorage<Float>
    ) {
        contract(
            weight.buffer.count == addressing.rowCount * schema.width,
            "ServedRows: \(weight.buffer.count) floats for \(addressing.rowCount) rows of \(schema.width)")
        self.configuration = configuration
        self.schema = schema
        self.addressing = addressing
        self.weight = weight
        widths = addressing.lookups.map { $0 * schema.width }
    }

    /// Reads `weight [rows, width]` of a file in place.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ addressing: Addressing,
        from reader: TableReader
    ) throws(KuklaError) {
        let weight: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array(
            "weight", shape: [addressing.rowCount, schema.width])
        self.init(configuration, schema, addressing, weight: weight.storage)
    }

    init(_ configuration: TableConfiguration, _ schema: TableSchema, _ addressing: Addressing, weight: Tensor)
    {
        self.init(configuration, schema, addressing, weight: weight.sharedStorage)
    }

    var arrays: [TableArray] {
        [TableArray("weight", [addressing.rowCount, schema.width], weight)] + addressing.arrays
    }
    var facts: [String: [Int]] { addressing.facts }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let width = schema.width
        for lookup in 0..<addressing.lookups[field] {
            let (row, to) = (addressing.row(field: field, id: id, lookup: lookup), out + lookup * width)
            if row < 0 {
                to.update(repeating: 0, count: width)
            } else {
                to.update(from: weight.pointer + Int(row) * width, count: width)
            }
        }
    }

    func lookup(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        into out: UnsafeMutablePointer<Float>
    ) {
        addressing.forRows(ids, rows: rows, fields: fields) { numbers, first in
            guard let base = numbers.baseAddress else { return }
            trainingKernels.gather_rows(
                weight.pointer, schema.width, base, numbers.count, out + first * schema.width)
        }
    }
}

extension RowAddressing {
    /// Calls `body` with the row numbers of a few ids at a time and the place of the first among all; they stay in the cache.
    @inline(__always)
    func forRows(
        _ ids: UnsafePointer<Int32>, rows: Int, fields: UnsafeBufferPointer<Int>,
        _ body: (UnsafeBufferPointer<Int32>, Int) -> Void
    ) {
        let perRow = fields.reduce(0) { $0 + lookups[$1] }
        let block = max(1, 2048 / max(perRow, 1))
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: block * perRow) { numbers in
            guard let start = numbers.baseAddress else { return }
            for row in stride(from: 0, to: rows, by: block) {
                let count = min(block, rows - row)
                self.rows(ids + row * fields.count, rows: count, fields: fields, into: start)
                body(UnsafeBufferPointer(start: start, count: count * perRow), row * perRow)
            }
        }
    }
}

extension Tensor {
    /// The elements in memory, shared: whoever writes to the tensor copies first.
    var sharedStorage: AlignedStorage<Float> {
        if offset == 0 && storage.buffer.count == count { return storage }
        return AlignedStorage(
            borrowing: UnsafeBufferPointer(rebasing: storage.buffer[offset..<offset + count]), from: storage)
    }
}
