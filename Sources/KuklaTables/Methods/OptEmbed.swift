import KuklaNN
import KuklaNumerics
package import KuklaTensor

/// OptEmbed: which rows to keep and how wide each field should be, searched on one supernet and trained again as a smaller table.
///
/// 1. *Supernet.* An id's vector is `m_i w_k E_i`: `m_i = S(||E_i||_1 - t_f)` is 1 where the row's norm exceeds its field's threshold, 0 elsewhere;
///    `w_k` keeps the first k components, k drawn from 1...d for every example and field, all in use. Thresholds start at 0 and learn by
///    SGD from the loss and `alpha sum exp(-t_f)`.
/// 2. *Evolution* of widths on the frozen supernet, by validation AUC (`WidthEvolution`).
/// 3. *Retraining* of the kept rows at the chosen widths, from the initial weights.
///
/// *Floats:* `sum of kept_f k_f`, and a word for each id that says which row is its own. Under a budget the search looks at widths within it only;
/// without one, the result takes what it takes. An id that was never seen, or was dropped, is zeros.
///
/// *Source:* Lyu, Tang, Zhu et al. 2022, "OptEmbed: learning optimal embedding table for click-through rate prediction", CIKM, arXiv:2208.04482.
enum OptEmbed: TableMethod {
    static let word = "optembed"
    static let summary = "rows by learned thresholds, widths by evolution, then trained again (OptEmbed)"
    static let options = [
        TableOption("rate", "0.0001", .number(0...100), "learning rate of the thresholds"),
        TableOption("alpha", "0.00001", .number(0...100), "weight of the sum of exp(-threshold) in the loss"),
        TableOption(
            "search", "both", .choice(["both", "rows", "widths", "random"]),
            "what is searched; random: rows, and one draw of widths, to compare with"),
        TableOption("population", "20", .integer(1...10_000), "width vectors of the first round"),
        TableOption("rounds", "30", .integer(0...10_000), "rounds of evolution"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * (schema.idCount + 1)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        Supernet(configuration, schema, budget: budget, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedMixedRows(configuration, schema, from: reader)
    }
}

/// The first stage of `OptEmbed`.
final class Supernet: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let weight: Parameter
    /// t `[fields, 1]`.
    let thresholds: Parameter
    private let addressing: RowPerId
    private let initial: Tensor
    private let budget: Int?
    private let seed: UInt64
    private let hasRows: Bool, hasWidths: Bool
    private struct State: Sendable {
        /// Widths that are tried instead of all components, in inference.
        var widths: [Int]?
        var isPenaltyDue = false
    }
    private let state = Guarded(State())

    init(_ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64) {
        var random = RandomSource(seed: seed)
        let bound = schema.initialBound
        self.configuration = configuration
        self.schema = schema
        self.budget = budget
        self.seed = seed
        hasRows = configuration.text("search") != "widths"
        hasWidths = configuration.text("search") != "rows"
        addressing = RowPerId(schema.fields.map(\.count))
        initial = .uniform([schema.idCount, schema.width], in: -bound...bound, using: &random)
        weight = Parameter(initial)
        thresholds = Parameter(.zeros([schema.fields.count, 1]))
        thresholds.isTrainable = hasRows
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("thresholds", thresholds)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        var rows = weight.tensor.gathered(orZero: addressing.rows(of: batch))
        if hasRows { rows = rows * mask(rows, batch) }
        if mode.isTraining { state.withLock { $0.isPenaltyDue = true } }
        if let widths = widths(batch, mode: mode) {
            rows = rows * Tensor.leadingOnes(widths, of: schema.width)
        }
        return rows.reshaped([batch.rows, -1])
    }

    // 1 for each row that is kept, `[ids, 1]`.
    private func mask(_ rows: Tensor, _ batch: IdBatch) -> Tensor {
        let columns = batch.fields.map { Int32($0) }
        let own = batch.ids.indices.map { columns[$0 % columns.count] }
        return (rows.abs().sum(axes: [1], keepingAxes: true) - thresholds.tensor.gathered(rows: own))
            .longTailedStep()
    }

    // How many components of each id's vector are used; nil: all.
    private func widths(_ batch: IdBatch, mode: ForwardMode) -> [Int]? {
        if case .training(let stream) = mode {
            guard hasWidths else { return nil }
            let d = schema.width
            return stream.draw { random in
                batch.ids.indices.map { _ in Int.random(in: 1...d, using: &random) }
            }
        }
        guard let tried = state.withLock({ $0.widths }) else { return nil }
        return batch.ids.indices.map { tried[batch.fields[$0 % batch.fields.count]] }
    }

    func takePenalty() -> Tensor? {
        let isDue = state.withLock { state in
            defer { state.isPenaltyDue = false }
            return state.isPenaltyDue
        }
        guard isDue, hasRows else { return nil }
        return (-thresholds.tensor).exp().sum() * Float(configuration.number("alpha"))
    }

    func willUpdate(_ gradients: inout Gradients, _ training: TableTraining) throws(KuklaError) {
        guard let gradient = gradients.take(thresholds) else { return }
        thresholds.value = thresholds.value - gradient.dense * Float(configuration.number("rate"))
    }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        let isKept = keptRows()
        let widths = try chosenWidths(isKept, search)
        let table = MixedRowsTable(configuration, schema, weight: initial, isKept: isKept, widths: widths)
        let sizes = zip(schema.fields, zip(table.keptCounts, widths)).map { "\($0.name) \($1.0) x \($1.1)" }
        search.report("rows and widths: " + sizes.joined(separator: ", "))
        return TableStage(table: table, network: .initial, name: "retrain")
    }

    private func chosenWidths(_ isKept: [Bool], _ search: TableSearch) throws(KuklaError) -> [Int] {
        let limit = floatLimit
        let counts = schema.keptCounts(isKept)
        guard hasWidths else {
            return WidthEvolution.narrowed(counts.map { _ in schema.width }, counts, limit: limit)
        }
        let isDrawn = configuration.text("search") == "random"
        var evolution = WidthEvolution(
            counts: counts, most: schema.width, limit: limit,
            population: isDrawn ? 1 : configuration.integer("population") ?? 20,
            rounds: isDrawn ? 0 : configuration.integer("rounds") ?? 30, startsFull: !isDrawn,
            random: RandomSource(seed: seed ^ 0xE7))
        defer { state.withLock { $0.widths = nil } }
        return try evolution.run(report: search.report) { widths throws(KuklaError) in
            state.withLock { $0.widths = widths }
            return try search.validationScore()
        }
    }

    // Floats that the budget holds beside a word for each id.
    private var floatLimit: Int? { budget.map { $0 / 4 - schema.idCount } }

    /// Rows above their thresholds; of a budget that does not hold one component of each, those that are most above.
    private func keptRows() -> [Bool] {
        let norms = weight.value.abs().sum(axes: [1])
        let own = schema.fields.enumerated().flatMap {
            [Float](repeating: thresholds.value[$0, 0], count: $1.count)
        }
        let margins = zip(norms.elements, own).map { hasRows ? $0 - $1 : $0 + 1 }
        var isKept = margins.map { $0 > 0 }
        if let floatLimit, isKept.count(where: { $0 }) > floatLimit {
            let order = margins.indices.sorted { (margins[$1], $0) < (margins[$0], $1) }
            for row in order.dropFirst(floatLimit) { isKept[row] = false }
        }
        return isKept
    }

    func served() throws(KuklaError) -> any ServedTable {
        let isKept = keptRows()
        let counts = schema.keptCounts(isKept)
        let widths = WidthEvolution.narrowed(counts.map { _ in schema.width }, counts, limit: floatLimit)
        return try MixedRowsTable(configuration, schema, weight: weight.value, isKept: isKept, widths: widths)
            .served()
    }
}

extension Tensor {
    /// A row of `width` for each of `counts`: so many ones, then zeros.
    fileprivate static func leadingOnes(_ counts: [Int], of width: Int) -> Tensor {
        Tensor(shape: [counts.count, width]) { out in
            for (i, count) in counts.enumerated() {
                for j in 0..<width { out[i * width + j] = j < count ? 1 : 0 }
            }
        }
    }
}

extension Tensor {
    /// 1 where an element is positive and 0 elsewhere, with the long-tailed estimate of the slope: `2 - 4 |z|` up to 0.4, 0.4 up to 1, and 0
    /// beyond.
    package func longTailedStep() -> Tensor {
        customGradient("longTailedStep", of: self) { inputs in
            (inputs[0].isGreater(than: 0), inputs[0])
        } backward: { gradient, z in
            let slopes = z.elements.map { element in
                let size = Swift.abs(element)
                return size <= 0.4 ? 2 - 4 * size : size <= 1 ? 0.4 : 0
            }
            return [gradient * Tensor(shape: z.shape, elements: slopes)]
        }
    }
}

extension TableSchema {
    /// How many rows of each field are kept.
    func keptCounts(_ isKept: [Bool]) -> [Int] {
        zip(offsets, offsets.dropFirst()).map { isKept[$0..<$1].count { $0 } }
    }
}
