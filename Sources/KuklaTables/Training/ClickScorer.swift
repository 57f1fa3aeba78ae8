import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A served table and the network over it: what scores examples, without a tape.
public struct ClickScorer: Sendable {
    public let table: any ServedTable
    public let network: any CTRModel

    public init(table: any ServedTable, network: any CTRModel) {
        self.table = table
        self.network = network
    }

    /// The logit of each example of a batch.
    public func logits(_ batch: ExampleBatch) -> Tensor {
        withoutGradient { network(input(batch), mode: .inference) }
    }

    /// What the network sees of a batch.
    public func input(_ batch: ExampleBatch) -> CTRInput {
        let columns = batch.count == 0 ? 0 : batch.ids.count / batch.count
        return CTRInput(
            count: batch.count,
            vectors: columns == 0
                ? .zeros([batch.count, 0])
                : table.vectors(IdBatch(ids: batch.ids, fields: Array(0..<columns))),
            numbers: batch.numbers,
            lists: batch.lists.map {
                CTRInput.List(
                    vectors: table.vectors(IdBatch(ids: $0.ids, fields: $0.fields)), offsets: $0.offsets)
            })
    }

    /// The logit of each of a store's rows.
    public func logits(_ store: ExampleStore, _ rows: [Int32], batchSize: Int = 4096) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(rows.count)
        for start in stride(from: 0, to: rows.count, by: batchSize) {
            let batch = store.batch(rows[start..<min(start + batchSize, rows.count)])
            logits(batch).withUnsafeBufferPointer { result.append(contentsOf: $0) }
        }
        return result
    }
}

/// A model that was trained, and what came of it.
public struct TrainedClickModel: Sendable {
    public let table: any ServedTable
    public let network: any CTRModel
    public let report: TrainingReport

    public var scorer: ClickScorer { ClickScorer(table: table, network: network) }
}
