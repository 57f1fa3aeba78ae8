import KuklaNumerics

/// Rows of integers of 8 or 16 bits times one fixed step, trained with stochastic rounding.
///
/// After each update of the floats, a row that it touched is written back as `clip(floor(w / step + u))`, u uniform in [0, 1): small
/// gradients change a code now and then, where rounding to the nearest would lose them. *Memory:* `N d` codes; budgets below are refused,
/// since the width of a code is fixed. An id that was never seen is zeros.
///
/// The step decides: codes reach 127 (32 767) steps from zero, and vectors start within `sqrt(1 / largest field)`.
/// *Source:* "INT8" and "INT16" in Zhang, Zhao, Miao et al. 2024, arXiv:2311.15578.
struct LowPrecision<Code: IntegerCode>: TableMethod {
    static var word: String { "int\(Code.bitWidth)" }
    static var summary: String {
        "rows of \(Code.bitWidth)-bit integers with a fixed step, trained by stochastic rounding"
    }
    static var options: [TableOption] {
        [
            TableOption(
                "step", Code.bitWidth == 8 ? "0.01" : "0.0001", .number(1e-9...1e3),
                "what a code of 1 is worth")
        ]
    }

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        schema.idCount * schema.width * Code.bitWidth / 8
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        IntegerTable<Code>(configuration, schema, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedIntegers<Code>(
            configuration, schema, step: Float(configuration.number("step")), from: reader)
    }
}
