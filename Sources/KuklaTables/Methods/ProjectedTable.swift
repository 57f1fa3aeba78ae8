import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A trained table of a matrix of rows for each field, and a projection where its rows are narrower than the vectors.
final class ProjectedTable: EmbeddingTable {
    /// What a field starts from.
    struct Field {
        /// `[n_f, d_f]`.
        var rows: Tensor
        /// `[d_f, d]`; nil where `d_f = d`.
        var projection: Tensor?
        /// `[d]`, or none.
        var bias: Tensor?
    }

    let configuration: TableConfiguration
    let schema: TableSchema
    let rows: [Parameter]
    let projections: [Parameter?]
    let biases: [Parameter?]

    init(_ configuration: TableConfiguration, _ schema: TableSchema, fields: [Field]) {
        self.configuration = configuration
        self.schema = schema
        rows = fields.map { Parameter($0.rows) }
        projections = fields.map { $0.projection.map { Parameter($0) } }
        biases = fields.map { $0.bias.map { Parameter($0) } }
    }

    /// Random rows of `widths`, and projections within Glorot's bound, so that vectors start at the size of the rows.
    convenience init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ widths: [Int],
        using random: inout RandomSource
    ) {
        let bound = schema.initialBound
        var fields: [Field] = []
        for (field, width) in zip(schema.fields, widths) {
            let rows = Tensor.uniform([field.count, width], in: -bound...bound, using: &random)
            let limit = (6 / Float(width + schema.width)).squareRoot()
            fields.append(
                Field(
                    rows: rows,
                    projection: width == schema.width
                        ? nil : .uniform([width, schema.width], in: -limit...limit, using: &random)))
        }
        self.init(configuration, schema, fields: fields)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        for (i, field) in rows.enumerated() {
            visitor.visit("rows.\(i)", field)
            visitor.visit("projection.\(i)", projections[i])
            visitor.visit("bias.\(i)", biases[i])
        }
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let parts = batch.fields.enumerated().map { column, field in
            let rows = rows[field].tensor.gathered(
                orZero: batch.known(column, below: schema.fields[field].count))
            let vectors = projections[field].map { rows.matmul($0.tensor) } ?? rows
            return biases[field].map { vectors + $0.tensor } ?? vectors
        }
        return Tensor.concatenated(parts, axis: 1)
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedProjections(
            configuration: configuration, schema: schema.bare,
            fields: rows.indices.map { i in
                ServedProjections.Field(
                    count: rows[i].shape[0], width: rows[i].shape[1], rows: rows[i].value.sharedStorage,
                    projection: projections[i]?.value.sharedStorage, bias: biases[i]?.value.sharedStorage)
            })
    }
}

/// `ProjectedTable` as it is used.
struct ServedProjections: ServedTable {
    struct Field: Sendable {
        let count: Int, width: Int
        let rows: AlignedStorage<Float>
        let projection: AlignedStorage<Float>?
        let bias: AlignedStorage<Float>?
    }

    let configuration: TableConfiguration
    let schema: TableSchema
    let fields: [Field]

    init(configuration: TableConfiguration, schema: TableSchema, fields: [Field]) {
        self.configuration = configuration
        self.schema = schema
        self.fields = fields
    }

    /// - Parameter hasBias: whether every field has a projection and a bias; otherwise narrow ones have a projection only.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, hasBias: Bool, from reader: TableReader
    ) throws(KuklaError) {
        var fields: [Field] = []
        for (i, field) in schema.fields.enumerated() {
            let rows: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array(
                "rows.\(i)", shape: [field.count, nil])
            let width = rows.shape[1]
            let projection: AlignedStorage<Float>? =
                width == schema.width && !hasBias
                ? nil : try reader.array("projection.\(i)", shape: [width, schema.width]).storage
            let bias: AlignedStorage<Float>? =
                hasBias ? try reader.array("bias.\(i)", shape: [schema.width]).storage : nil
            fields.append(
                Field(
                    count: field.count, width: width, rows: rows.storage, projection: projection, bias: bias))
        }
        self.init(configuration: configuration, schema: schema, fields: fields)
    }

    var arrays: [TableArray] {
        fields.enumerated().flatMap { i, field in
            [TableArray("rows.\(i)", [field.count, field.width], field.rows)]
                + (field.projection.map { [TableArray("projection.\(i)", [field.width, schema.width], $0)] }
                    ?? [])
                + (field.bias.map { [TableArray("bias.\(i)", [schema.width], $0)] } ?? [])
        }
    }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let (own, width) = (fields[field], schema.width)
        if let bias = own.bias {
            out.update(from: bias.pointer, count: width)
        } else {
            out.update(repeating: 0, count: width)
        }
        guard id >= 0, Int(id) < own.count else { return }
        let row = own.rows.pointer + Int(id) * own.width
        guard let projection = own.projection else {
            for j in 0..<width { out[j] += row[j] }
            return
        }
        for i in 0..<own.width {
            for j in 0..<width { out[j] += row[i] * projection.pointer[i * width + j] }
        }
    }
}
