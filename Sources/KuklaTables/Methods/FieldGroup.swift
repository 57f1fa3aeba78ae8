import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Compressed vectors of some fields of a schema while they are trained. Fields keep their numbers of the whole schema.
protocol TrainedGroup: AnyObject, Module {
    /// The vectors of a batch whose columns are all of this group's fields, `[batch.ids.count, width]`.
    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor
    func takePenalty() -> Tensor?
    func served() throws(KuklaError) -> any ServedGroup
}

extension TrainedGroup {
    func takePenalty() -> Tensor? { nil }
}

/// Compressed vectors of some fields as they are used.
protocol ServedGroup: Sendable {
    var arrays: [TableArray] { get }
    var facts: [String: [Int]] { get }
    /// Writes the vector of an id of one of this group's fields.
    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>)
}

/// Fields that compression shrinks, and the others, which keep a float row for each id.
struct FieldSplit: Sendable {
    let schema: TableSchema
    /// One for each field.
    let isCompressed: [Bool]
    let dense: RowPerId

    init(_ schema: TableSchema, _ isCompressed: [Bool]) {
        self.schema = schema
        self.isCompressed = isCompressed
        dense = RowPerId(zip(schema.fields, isCompressed).map { $1 ? 0 : $0.count })
    }

    /// Compresses each field for which `floats`, what the method needs for it, is less than its dense rows.
    init(_ schema: TableSchema, floats: (TableField) -> Int) {
        self.init(schema, schema.fields.map { floats($0) < $0.count * schema.width })
    }

    /// The split that a file's metadata tell.
    init(_ schema: TableSchema, from reader: TableReader) throws(KuklaError) {
        self.init(schema, try reader.fact("compressed", count: schema.fields.count).map { $0 != 0 })
    }

    var compressed: [Int] { isCompressed.indices.filter { isCompressed[$0] } }
    var facts: [String: [Int]] { ["compressed": isCompressed.map { $0 ? 1 : 0 }] }

    /// Floats of the whole table, if a compressed field takes `floats`.
    static func floatCount(_ schema: TableSchema, _ floats: (TableField) -> Int) -> Int {
        schema.fields.reduce(0) { $0 + min($1.count * schema.width, floats($1)) }
    }
}

/// A table in two parts: a group of compressed fields, and float rows of the others.
final class SplitTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let split: FieldSplit
    let group: (any TrainedGroup)?
    let dense: Parameter?

    /// - Parameter group: makes the compressed part; not called where no field is compressed.
    init(
        _ configuration: TableConfiguration, _ split: FieldSplit, seed: UInt64,
        group: (inout RandomSource) -> any TrainedGroup
    ) {
        var random = RandomSource(seed: seed)
        self.configuration = configuration
        schema = split.schema
        self.split = split
        let bound = schema.initialBound
        dense =
            split.dense.rowCount == 0
            ? nil
            : Parameter(
                Tensor.uniform([split.dense.rowCount, schema.width], in: -bound...bound, using: &random))
        self.group = split.compressed.isEmpty ? nil : group(&random)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("dense", dense)
        visitor.visit("compressed", group)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let columns = batch.fields.indices
        let (first, second) = (
            columns.filter { split.isCompressed[batch.fields[$0]] },
            columns.filter { !split.isCompressed[batch.fields[$0]] }
        )
        let shape = [batch.rows, columns.count * schema.width]
        guard let group, !first.isEmpty else { return denseRows(batch).reshaped(shape) }
        if second.isEmpty { return group.embed(batch, mode: mode).reshaped(shape) }
        let both = Tensor.concatenated([
            group.embed(batch.columns(first), mode: mode), denseRows(batch.columns(second)),
        ])
        // Row i of the first part is of batch row i / its columns; the second part lies behind it.
        var order = [Int32](repeating: 0, count: batch.ids.count)
        for row in 0..<batch.rows {
            for (i, column) in first.enumerated() {
                order[row * columns.count + column] = Int32(row * first.count + i)
            }
            for (i, column) in second.enumerated() {
                order[row * columns.count + column] = Int32(
                    (batch.rows * first.count) + row * second.count + i)
            }
        }
        return both.gathered(axis: 0, indices: order).reshaped(shape)
    }

    private func denseRows(_ batch: IdBatch) -> Tensor {
        guard let dense else { return .zeros([batch.ids.count, schema.width]) }
        return dense.tensor.gathered(orZero: split.dense.rows(of: batch))
    }

    func takePenalty() -> Tensor? { group?.takePenalty() }

    func served() throws(KuklaError) -> any ServedTable {
        ServedSplit(
            configuration: configuration, split: split, group: try group?.served(),
            dense: dense?.value.sharedStorage ?? AlignedStorage(uninitialized: 0))
    }
}

/// `SplitTable` as it is used.
struct ServedSplit: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let widths: [Int]
    private let split: FieldSplit
    private let group: (any ServedGroup)?
    private let dense: AlignedStorage<Float>

    init(
        configuration: TableConfiguration, split: FieldSplit, group: (any ServedGroup)?,
        dense: AlignedStorage<Float>
    ) {
        contract(
            dense.buffer.count == split.dense.rowCount * split.schema.width,
            "ServedSplit: \(dense.buffer.count) floats for \(split.dense.rowCount) rows")
        self.configuration = configuration
        schema = split.schema.bare
        widths = schema.fields.map { [width = schema.width] _ in width }
        self.split = split
        self.group = group
        self.dense = dense
    }

    /// - Parameter group: loads the compressed part; not called where no field is compressed.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader,
        group: (FieldSplit) throws(KuklaError) -> any ServedGroup
    ) throws(KuklaError) {
        let split = try FieldSplit(schema, from: reader)
        var dense = AlignedStorage<Float>(uninitialized: 0)
        if split.dense.rowCount > 0 {
            dense = try reader.array("dense", shape: [split.dense.rowCount, schema.width]).storage
        }
        let compressed = split.compressed.isEmpty ? nil : try group(split)
        self.init(configuration: configuration, split: split, group: compressed, dense: dense)
    }

    var arrays: [TableArray] {
        let rows = split.dense.rowCount
        return (rows == 0 ? [] : [TableArray("dense", [rows, schema.width], dense)]) + (group?.arrays ?? [])
    }
    var facts: [String: [Int]] { split.facts.merging(group?.facts ?? [:]) { $1 } }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        if split.isCompressed[field], let group {
            group.write(field: field, id: id, to: out)
            return
        }
        let row = split.dense.row(field: field, id: id, lookup: 0)
        if row < 0 {
            out.update(repeating: 0, count: schema.width)
        } else {
            out.update(from: dense.pointer + Int(row) * schema.width, count: schema.width)
        }
    }
}
