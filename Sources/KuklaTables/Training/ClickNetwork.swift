public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A table of vectors and the network over them, in training: all that the optimizer changes.
public struct ClickNetwork: Module {
    public let table: any EmbeddingTable
    public let network: any CTRModel

    public init(table: any EmbeddingTable, network: any CTRModel) {
        self.table = table
        self.network = network
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("table", table)
        visitor.visit("network", network)
    }

    /// The logit of each example, and what it was computed from.
    public func forward(_ batch: ExampleBatch, mode: ForwardMode) -> (logits: Tensor, input: CTRInput) {
        let columns = batch.count == 0 ? 0 : batch.ids.count / batch.count
        let vectors =
            columns == 0
            ? Tensor.zeros([batch.count, 0])
            : table.embed(IdBatch(ids: batch.ids, fields: Array(0..<columns)), mode: mode)
        let lists = batch.lists.map { list in
            CTRInput.List(
                vectors: table.embed(IdBatch(ids: list.ids, fields: list.fields), mode: mode),
                offsets: list.offsets)
        }
        let input = CTRInput(count: batch.count, vectors: vectors, numbers: batch.numbers, lists: lists)
        return (network(input, mode: mode), input)
    }

    /// The logit of each of a store's rows, without gradient.
    public func logits(_ store: ExampleStore, _ rows: [Int32], batchSize: Int = 8192) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(rows.count)
        withoutGradient {
            for start in stride(from: 0, to: rows.count, by: batchSize) {
                let batch = store.batch(rows[start..<min(start + batchSize, rows.count)])
                forward(batch, mode: .inference).logits.withUnsafeBufferPointer {
                    result.append(contentsOf: $0)
                }
            }
        }
        return result
    }
}

extension CTRShape {
    /// The lengths of a schema's columns where each field's vectors are as wide as `widths` says.
    public init(_ schema: DataSchema, widths: [Int]) {
        let columns = schema.categorical.count
        var own = columns
        var lists: [List] = schema.sequences.map { sequence in
            if let name = sequence.field, let field = schema.field(name) {
                return List(widths: [widths[field]], candidates: [field])
            }
            own += 1
            return List(widths: [widths[own - 1]])
        }
        if let history = schema.history {
            let fields = history.items.map { schema.field($0) ?? 0 }
            lists.append(List(widths: fields.map { widths[$0] }, candidates: fields))
        }
        self.init(
            widths: Array(widths.prefix(columns)), numberCount: schema.numeric.count, lists: lists)
    }
}

extension ExampleSet {
    /// What a table of vectors must cover.
    public func tableSchema(width: Int) -> TableSchema {
        TableSchema(
            fields: vocabularies.map { TableField(name: $0.name, count: $0.count) }, width: width,
            occurrences: vocabularies.map(\.occurrences))
    }
}
