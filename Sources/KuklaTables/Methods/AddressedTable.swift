import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A trained table whose vectors are rows of one matrix, found by an addressing.
///
/// *Shapes:* `weight [addressing.rowCount, schema.width]`. The gradient is one of the rows that were looked up.
final class AddressedTable<Addressing: RowAddressing>: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: Addressing
    let weight: Parameter

    /// Starts from uniform numbers within `bound`.
    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ addressing: Addressing, bound: Float,
        seed: UInt64
    ) {
        var random = RandomSource(seed: seed)
        self.configuration = configuration
        self.schema = schema
        self.addressing = addressing
        weight = Parameter(
            Tensor.uniform([addressing.rowCount, schema.width], in: -bound...bound, using: &random))
    }

    /// Starts from `weight`.
    init(_ configuration: TableConfiguration, _ schema: TableSchema, _ addressing: Addressing, weight: Tensor)
    {
        self.configuration = configuration
        self.schema = schema
        self.addressing = addressing
        self.weight = Parameter(weight)
    }

    var widths: [Int] { addressing.lookups.map { $0 * schema.width } }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        weight.tensor.gathered(orZero: addressing.rows(of: batch)).reshaped([batch.rows, -1])
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedRows(configuration, schema.bare, addressing, weight: weight.value)
    }
}

extension Tensor {
    /// The rows that `rows` names; zeros for -1.
    func gathered(orZero rows: [Int32]) -> Tensor {
        guard rows.contains(-1) else { return gathered(rows: rows) }
        guard shape[0] > 0 else { return .zeros([rows.count] + shape.dropFirst()) }
        let isThere = Tensor(shape: [rows.count] + shape.dropFirst().map { _ in 1 }) { out in
            for i in rows.indices { out[i] = rows[i] < 0 ? 0 : 1 }
        }
        return gathered(rows: rows.map { Swift.max($0, 0) }) * isThere
    }
}
