import KuklaCodecs
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Product quantization of each field: codebooks by k-means.
///
/// *Source:* Jégou, Douze and Schmid 2011, doi:10.1109/TPAMI.2010.57.
extension DifferentiableProductCodes: FixedTableMethod {
    static func fixedSizes(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> [Int] {
        try fixedPlans(configuration, schema).map(\.byteCount)
    }

    /// As many parts as there are components, at most: what bounds them in training does not hold for k-means.
    private static func fixedPlans(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> [CodePlan] {
        try plans(configuration, schema, most: schema.width)
    }

    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        let plan = try CodePlan.largest(fixedPlans(configuration, schema), budget)
        let bits = CodePlan.bits(plan.high)
        guard plan.high == 1 << bits, (4...8).contains(bits) else {
            throw KuklaError(
                .usage,
                "Cannot make the table '\(configuration)' of trained vectors: k-means makes codebooks of 16, 32, 64, 128 or 256 rows, not \(plan.high)."
            )
        }
        let fields = schema.split(vectors)
        var books: [Tensor] = []
        for field in plan.split.compressed {
            let quantizer = try ProductQuantizer.train(
                on: fields[field].matrix, metric: .squaredEuclidean, subspaces: plan.parts, bits: bits,
                configuration: CodecConfiguration(parsing: "PQ\(plan.parts)x\(bits)"), seed: seed)
            // `[parts 2^bits, d / parts]`, as the table has them.
            if let book = quantizer.parameters["codebooks"] { books.append(Tensor(book)) }
        }
        let dense = fields.indices.filter { !plan.split.isCompressed[$0] }.map { fields[$0] }
        var random = RandomSource(seed: seed)
        var group: (any ServedGroup)?
        if !books.isEmpty {
            let codes = CodeGroup(plan, using: &random)
            codes.queries.value = .concatenated(plan.split.compressed.map { fields[$0] })
            codes.codebooks.value = .concatenated(books)
            group = try codes.served()
        }
        return ServedSplit(
            configuration: configuration, split: plan.split, group: group,
            dense: dense.isEmpty ? AlignedStorage(uninitialized: 0) : Tensor.concatenated(dense).sharedStorage
        )
    }
}
