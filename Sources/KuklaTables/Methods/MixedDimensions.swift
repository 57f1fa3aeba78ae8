import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Mixed dimensions: the more ids a field has, the narrower its vectors, which a matrix of the field brings to d.
///
/// `d_f = d (n_f / n_min)^(-alpha)`, at least 1 and rounded to a power of two; where it is less than d, `e = P_f' v` with `P_f [d_f, d]`. *Floats:*
/// `n_f d_f`, and `d_f d` for the matrix. alpha, from 0 to 1, is the smallest that keeps to the budget. An id that was never seen is zeros.
///
/// *Source:* Ginart, Naumov, Mudigere, Yang and Zou 2019, "Mixed dimension embeddings with application to memory-efficient recommendation
/// systems", arXiv:1909.11810.
enum MixedDimensions: TableMethod {
    static let word = "mde"
    static let summary = "narrower vectors for fields of many ids, projected to the common width"
    static let options = [
        TableOption(
            "alpha", "auto", .text,
            "how fast widths fall with the number of ids, 0 to 1; auto: what the budget asks for")
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        ProjectedFields.byteCount(schema, try widths(configuration, schema, budget: 0))
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        var random = RandomSource(seed: seed)
        return ProjectedTable(
            configuration, schema, try widths(configuration, schema, budget: budget), using: &random)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedProjections(configuration, schema, from: reader)
    }

    /// The width of each field; of a budget that is too small, at the largest alpha.
    private static func widths(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?
    ) throws(KuklaError) -> [Int] {
        let text = configuration.text("alpha")
        if text != "auto" {
            guard let alpha = Double(text), (0...1).contains(alpha) else {
                throw KuklaError(
                    .usage,
                    "The option 'alpha' of '\(configuration)' is '\(text)', expected 'auto' or a number from 0 to 1."
                )
            }
            return widths(schema, alpha: alpha)
        }
        let limit = budget ?? Int.max
        // A larger share is a smaller alpha.
        let share = largestShare { ProjectedFields.byteCount(schema, widths(schema, alpha: 1 - $0)) <= limit }
        return widths(schema, alpha: 1 - share)
    }

    static func widths(_ schema: TableSchema, alpha: Double) -> [Int] {
        let smallest = Double(schema.fields.map(\.count).min() ?? 1)
        return schema.fields.map { field in
            let exact = Double(schema.width) * pow(Double(field.count) / smallest, -alpha)
            if exact >= Double(schema.width) { return schema.width }
            return min(schema.width, 1 << max(0, Int(log2(exact).rounded())))
        }
    }
}

/// Sizes of fields that each have a width of their own, and a matrix to the common width.
enum ProjectedFields {
    static func byteCount(_ schema: TableSchema, _ widths: [Int]) -> Int {
        zip(schema.fields, widths).reduce(0) { sum, field in
            let (count, width) = (field.0.count, field.1)
            return sum + 4 * (count * width + (width == schema.width ? 0 : width * schema.width))
        }
    }
}

/// A trained table of a matrix of rows for each field, and a projection where its rows are narrower than the vectors.
final class ProjectedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let rows: [Parameter]
    /// `[d_f, d]`; nil where `d_f = d`.
    let projections: [Parameter?]

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ widths: [Int],
        using random: inout RandomSource
    ) {
        self.configuration = configuration
        self.schema = schema
        let bound = schema.initialBound
        var (rows, projections) = ([Parameter](), [Parameter?]())
        for (field, width) in zip(schema.fields, widths) {
            rows.append(Parameter(.uniform([field.count, width], in: -bound...bound, using: &random)))
            // Glorot's bound, so that vectors start at the size of the rows.
            let limit = (6 / Float(width + schema.width)).squareRoot()
            projections.append(
                width == schema.width
                    ? nil : Parameter(.uniform([width, schema.width], in: -limit...limit, using: &random)))
        }
        (self.rows, self.projections) = (rows, projections)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        for (i, field) in rows.enumerated() {
            visitor.visit("rows.\(i)", field)
            visitor.visit("projection.\(i)", projections[i])
        }
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let columns = batch.fields.count
        let parts = batch.fields.enumerated().map { column, field in
            let count = Int32(schema.fields[field].count)
            let ids = stride(from: column, to: batch.ids.count, by: columns).map { place in
                let id = batch.ids[place]
                return id >= 0 && id < count ? id : -1
            }
            let rows = rows[field].tensor.gathered(orZero: ids)
            return projections[field].map { rows.matmul($0.tensor) } ?? rows
        }
        return Tensor.concatenated(parts, axis: 1)
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedProjections(
            configuration: configuration, schema: schema.bare,
            fields: zip(rows, projections).map { rows, projection in
                ServedProjections.Field(
                    count: rows.shape[0], width: rows.shape[1], rows: rows.value.sharedStorage,
                    projection: projection?.value.sharedStorage)
            })
    }
}

/// `ProjectedTable` as it is used.
struct ServedProjections: ServedTable {
    struct Field: Sendable {
        let count: Int, width: Int
        let rows: AlignedStorage<Float>
        let projection: AlignedStorage<Float>?
    }

    let configuration: TableConfiguration
    let schema: TableSchema
    let fields: [Field]

    init(configuration: TableConfiguration, schema: TableSchema, fields: [Field]) {
        self.configuration = configuration
        self.schema = schema
        self.fields = fields
    }

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) {
        var fields: [Field] = []
        for (i, field) in schema.fields.enumerated() {
            let rows: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array(
                "rows.\(i)", shape: [field.count, nil])
            let width = rows.shape[1]
            let projection: AlignedStorage<Float>? =
                width == schema.width
                ? nil : try reader.array("projection.\(i)", shape: [width, schema.width]).storage
            fields.append(Field(count: field.count, width: width, rows: rows.storage, projection: projection))
        }
        self.init(configuration: configuration, schema: schema, fields: fields)
    }

    var arrays: [TableArray] {
        fields.enumerated().flatMap { i, field in
            [TableArray("rows.\(i)", [field.count, field.width], field.rows)]
                + (field.projection.map { [TableArray("projection.\(i)", [field.width, schema.width], $0)] }
                    ?? [])
        }
    }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let (own, width) = (fields[field], schema.width)
        guard id >= 0, Int(id) < own.count else {
            out.update(repeating: 0, count: width)
            return
        }
        let row = own.rows.pointer + Int(id) * own.width
        guard let projection = own.projection else {
            out.update(from: row, count: width)
            return
        }
        out.update(repeating: 0, count: width)
        for i in 0..<own.width {
            for j in 0..<width { out[j] += row[i] * projection.pointer[i * width + j] }
        }
    }
}
