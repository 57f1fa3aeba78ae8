import KuklaNumerics
import KuklaTensor

/// Magnitude pruning: the largest weights that the budget holds.
extension DeepLight: FixedTableMethod {
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        let kept = ServedSparse.kept(within: budget, of: schema)
        return ServedSparse(configuration, schema, vectors, isKept: vectors.largest(kept))
    }
}
