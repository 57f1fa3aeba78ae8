import KuklaNumerics
import KuklaTensor

/// The blocks that are alike stored once, without the training that follows.
extension DeduplicatedTable: FixedTableMethod {
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        try DuplicatedTable(configuration, schema, weight: vectors, budget: budget, seed: seed)
            .deduplicated().served()
    }
}
