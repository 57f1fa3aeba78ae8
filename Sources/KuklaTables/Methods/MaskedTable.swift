import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A trained table of which only chosen weights are kept: what pruning searches retrain.
///
/// A weight that is not kept is zero, and gets no gradient.
final class MaskedTable: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// 1 where a weight is kept.
    let mask: Parameter

    init(_ configuration: TableConfiguration, _ schema: TableSchema, weight: Tensor, isKept: [Bool]) {
        self.configuration = configuration
        self.schema = schema
        addressing = RowPerId(schema.fields.map(\.count))
        self.weight = Parameter(weight)
        mask = Parameter(Tensor(shape: weight.shape, elements: isKept.map { $0 ? 1 : 0 }), isBuffer: true)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("mask", mask)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        return (weight.tensor.gathered(orZero: rows) * mask.value.gathered(orZero: rows))
            .reshaped([batch.rows, -1])
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedSparse(configuration, schema, weight.value, isKept: mask.value.elements.map { $0 != 0 })
    }
}
