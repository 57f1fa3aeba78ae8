import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A trained table of some rows of each field, of a width of the field's own, filled up with zeros: what `OptEmbed` trains again.
///
/// *Floats:* `sum of kept_f k_f`; a word for each id names its row, or -1.
final class MixedRowsTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    /// `[kept_f, k_f]`; nil for a field of which nothing is kept.
    let rows: [Parameter?]
    let keptCounts: [Int]
    private let remap: [Int32]
    private let ids: RowPerId

    /// Takes the kept rows of `weight [N, d]`, cut to `widths`.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, weight: Tensor, isKept: [Bool],
        widths: [Int]
    ) {
        self.configuration = configuration
        self.schema = schema
        ids = RowPerId(schema.fields.map(\.count))
        keptCounts = schema.keptCounts(isKept)
        let offsets = schema.offsets
        var remap = [Int32](repeating: -1, count: schema.idCount)
        var rows: [Parameter?] = []
        for field in schema.fields.indices {
            let kept = (offsets[field]..<offsets[field + 1]).filter { isKept[$0] }
            for (place, id) in kept.enumerated() { remap[id] = Int32(place) }
            rows.append(
                kept.isEmpty
                    ? nil
                    : Parameter(
                        weight.detached.gathered(rows: kept.map { Int32($0) }).slice(
                            axis: 1, 0..<widths[field])))
        }
        self.remap = remap
        self.rows = rows
    }

    func visit(_ visitor: inout ModuleVisitor) {
        for (field, own) in rows.enumerated() { visitor.visit("rows.\(field)", own) }
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let (columns, width) = (batch.fields.count, schema.width)
        let parts = batch.fields.enumerated().map { column, field -> Tensor in
            guard let own = rows[field] else { return .zeros([batch.rows, width]) }
            let places = stride(from: column, to: batch.ids.count, by: columns).map { place in
                let row = ids.row(field: field, id: batch.ids[place], lookup: 0)
                return row < 0 ? -1 : remap[Int(row)]
            }
            let vectors = own.tensor.gathered(orZero: places)
            return own.shape[1] == width
                ? vectors : vectors.padded(axis: 1, before: 0, after: width - own.shape[1])
        }
        return Tensor.concatenated(parts, axis: 1)
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedMixedRows(
            configuration: configuration, schema: schema.bare, ids: ids,
            fields: rows.map { rows in
                ServedMixedRows.Field(
                    count: rows?.shape[0] ?? 0, width: rows?.shape[1] ?? 1,
                    rows: rows?.value.sharedStorage ?? AlignedStorage(uninitialized: 0))
            }, remap: AlignedStorage(remap))
    }
}

/// `MixedRowsTable` as it is used.
struct ServedMixedRows: ServedTable {
    struct Field: Sendable {
        let count: Int, width: Int
        let rows: AlignedStorage<Float>
    }

    let configuration: TableConfiguration
    let schema: TableSchema
    let ids: RowPerId
    let fields: [Field]
    /// For each id its row of the field's, or -1.
    let remap: AlignedStorage<Int32>

    init(
        configuration: TableConfiguration, schema: TableSchema, ids: RowPerId, fields: [Field],
        remap: AlignedStorage<Int32>
    ) {
        self.configuration = configuration
        self.schema = schema
        self.ids = ids
        self.fields = fields
        self.remap = remap
    }

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) {
        let remap: AlignedStorage<Int32> = try reader.array("remap", shape: [schema.idCount]).storage
        let offsets = schema.offsets
        var fields: [Field] = []
        for i in schema.fields.indices {
            let rows: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array(
                "rows.\(i)", shape: [nil, nil])
            let count = Int32(rows.shape[0])
            guard rows.shape[1] <= schema.width,
                remap.buffer[offsets[i]..<offsets[i + 1]].allSatisfy({ $0 >= -1 && $0 < count })
            else {
                throw reader.bad("\"remap\" names rows that are not there, or \"rows.\(i)\" are too wide")
            }
            fields.append(Field(count: rows.shape[0], width: rows.shape[1], rows: rows.storage))
        }
        self.init(
            configuration: configuration, schema: schema, ids: RowPerId(schema.fields.map(\.count)),
            fields: fields,
            remap: remap)
    }

    var arrays: [TableArray] {
        fields.enumerated().map { TableArray("rows.\($0)", [$1.count, $1.width], $1.rows) }
            + [TableArray("remap", [ids.rowCount], remap)]
    }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let place = ids.row(field: field, id: id, lookup: 0)
        let row = place < 0 ? -1 : remap.pointer[Int(place)]
        let own = fields[field]
        let width = row < 0 ? 0 : own.width
        if width > 0 { out.update(from: own.rows.pointer + Int(row) * width, count: width) }
        (out + width).update(repeating: 0, count: schema.width - width)
    }
}
