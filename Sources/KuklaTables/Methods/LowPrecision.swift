import KuklaNN
import KuklaNumerics
import KuklaTensor

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
        RoundedTable<Code>(configuration, schema, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let addressing = RowPerId(schema.fields.map(\.count))
        return ServedIntegers<Code>(
            configuration: configuration, schema: schema, addressing: addressing,
            codes: try reader.array("codes", shape: [addressing.rowCount, schema.width]).storage,
            steps: AlignedStorage([Float(configuration.number("step"))]), hasStepPerRow: false)
    }
}

/// A trained table whose rows are multiples of a step after every update.
final class RoundedTable<Code: IntegerCode>: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let step: Float
    let addressing: RowPerId
    let weight: Parameter
    private let random: RandomStream
    private let touched = TouchedRows()

    init(_ configuration: TableConfiguration, _ schema: TableSchema, seed: UInt64) {
        var random = RandomSource(seed: seed)
        self.configuration = configuration
        self.schema = schema
        step = Float(configuration.number("step"))
        addressing = RowPerId(schema.fields.map(\.count))
        let (bound, step) = (schema.initialBound, step)
        var start = Tensor.uniform([addressing.rowCount, schema.width], in: -bound...bound, using: &random)
        start.withUnsafeMutableBufferPointer { all in
            for i in all.indices {
                all[i] = Float(Code.stochastic(all[i], step: step, uniform: random.uniform())) * step
            }
        }
        weight = Parameter(start)
        self.random = RandomStream(random)
    }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        if mode.isTraining { touched.add(rows) }
        return weight.tensor.gathered(orZero: rows).reshaped([batch.rows, -1])
    }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        let (rows, width, step) = (touched.take(), schema.width, step)
        weight.update { value in
            random.draw { random in
                value.withUnsafeMutableBufferPointer { all in
                    for row in rows {
                        for i in Int(row) * width..<(Int(row) + 1) * width {
                            all[i] =
                                Float(Code.stochastic(all[i], step: step, uniform: random.uniform())) * step
                        }
                    }
                }
            }
        }
    }

    func served() throws(KuklaError) -> any ServedTable {
        let codes = AlignedStorage<Code>(uninitialized: weight.shape[0] * schema.width)
        weight.value.withUnsafeBufferPointer { all in
            for i in all.indices { codes.pointer[i] = Code.nearest(all[i], step: step) }
        }
        return ServedIntegers<Code>(
            configuration: configuration, schema: schema.bare, addressing: addressing, codes: codes,
            steps: AlignedStorage([step]), hasStepPerRow: false)
    }
}

/// Rows that training passes looked up since somebody asked.
final class TouchedRows: Sendable {
    private let rows = Guarded<[Int32]>([])

    func add(_ new: [Int32]) { rows.withLock { $0 += new } }

    /// Each row once, ascending; forgets them.
    func take() -> [Int32] {
        let all = rows.withLock { all in
            defer { all.removeAll(keepingCapacity: true) }
            return all
        }
        let known = all.contains(-1) ? all.filter { $0 >= 0 } : all
        return RowGroups(known, below: Int(Int32.max)).rows
    }
}
