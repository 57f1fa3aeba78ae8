import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// AutoDim: the width of each field is searched among 2, 4, ... d, by gates that learn on validation data.
///
/// For each field and candidate there are a table, a linear map to d and a batch normalisation without scale and shift; the field's vector is their
/// mixture by Gumbel softmax of `log softmax(alpha)`, of temperature `max(0.01, 1 - 0.00005 (batch / 2000) t)`. All of it learns on training batches,
/// alpha on validation batches, by SGD (first order). Then each field keeps its best candidate, its normalisation folded into the map, and
/// these are trained on. *Floats:* `sum of n_f d_f + d_f d + d`. Under a budget, fields give up width where alpha loses least for a byte.
/// The search holds about twice the dense table. An id that was never seen is its field's bias alone.
///
/// *Source:* Zhao, Liu, Liu et al. 2021, "AutoDim: field-aware embedding dimension search in recommender systems", WWW, arXiv:2006.14827.
enum AutoDim: TableMethod {
    static let word = "autodim"
    static let summary = "widths of fields searched by gates on validation data (AutoDim)"
    static let options = [
        TableOption("rate", "0.001", .number(0...100), "learning rate of the gates")
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        byteCount(schema, schema.fields.map { _ in candidates(schema.width)[0] })
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        var random = RandomSource(seed: seed)
        return WidthSearch(configuration, schema, budget: budget, using: &random)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedProjections(configuration, schema, hasBias: true, from: reader)
    }

    /// 2, 4, 8 ... below d, and d.
    static func candidates(_ width: Int) -> [Int] {
        var widths = [Int]()
        var next = 2
        while next < width {
            widths.append(next)
            next *= 2
        }
        return widths + [width]
    }

    static func byteCount(_ schema: TableSchema, _ widths: [Int]) -> Int {
        zip(schema.fields, widths).reduce(0) {
            $0 + 4 * ($1.0.count * $1.1 + $1.1 * schema.width + schema.width)
        }
    }
}

/// The search of `AutoDim`.
final class WidthSearch: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    /// alpha `[fields, candidates]`: frozen but while it is stepped.
    let gates: Parameter
    private let candidates: [Int]
    /// For each field and candidate.
    private let choices: [[WidthChoice]]
    private let budget: Int?
    private let steps = Guarded(0)
    private let random: RandomStream

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        using random: inout RandomSource
    ) {
        self.configuration = configuration
        self.schema = schema
        self.budget = budget
        candidates = AutoDim.candidates(schema.width)
        gates = Parameter(.zeros([schema.fields.count, candidates.count]))
        gates.isTrainable = false
        var choices: [[WidthChoice]] = []
        for field in schema.fields {
            var own: [WidthChoice] = []
            for width in candidates {
                own.append(
                    WidthChoice(field.count, width, schema.width, bound: schema.initialBound, using: &random))
            }
            choices.append(own)
        }
        self.choices = choices
        self.random = RandomStream(random)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("gates", gates)
        for (field, own) in choices.enumerated() { visitor.visit("field.\(field)", own) }
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let mixtures = weights(rows: batch.rows, mode: mode)
        let parts = batch.fields.enumerated().map { column, field in
            let ids = batch.known(column, below: schema.fields[field].count)
            let weights = mixtures.slice(axis: 0, field..<field + 1).reshaped([candidates.count])
            var sum = Tensor.zeros([batch.rows, schema.width])
            for (c, choice) in choices[field].enumerated() {
                sum = sum + choice(ids, mode: mode) * weights.slice(axis: 0, c..<c + 1)
            }
            return sum
        }
        return Tensor.concatenated(parts, axis: 1)
    }

    // Of each field, how much of each candidate: with noise in training, the expected mixture otherwise.
    private func weights(rows: Int, mode: ForwardMode) -> Tensor {
        let logits = gates.tensor.logSoftmax()
        guard mode.isTraining else { return logits.softmax() }
        let temperature = max(0.01, 1 - 0.00005 * Float(rows) / 2000 * Float(steps.withLock { $0 }))
        // The noise outside of the closure that draws it, so that the tape sees the sum.
        let noise = random.draw { Tensor.gumbel(logits.shape, using: &$0) }
        return ((logits + noise) / temperature).softmax()
    }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        steps.withLock { $0 = training.step }
        gates.isTrainable = true
        defer { gates.isTrainable = false }
        let gradients = try training.validationGradients()
        guard let slope = gradients[gates]?.dense else { return }
        gates.value = gates.value - slope * Float(configuration.number("rate"))
    }

    /// The candidate of each field: the best, less where the budget asks for it.
    func chosen() -> [Int] {
        let scores = gates.value.logSoftmax()
        var choice = schema.fields.indices.map { field in
            candidates.indices.max { scores[field, $0] < scores[field, $1] } ?? 0
        }
        func bytes(_ choice: [Int]) -> Int { AutoDim.byteCount(schema, choice.map { candidates[$0] }) }
        while let budget, bytes(choice) > budget {
            // The field whose next narrower candidate costs the least score for each byte that it saves.
            let prices = schema.fields.indices.filter { choice[$0] > 0 }.map {
                field -> (field: Int, price: Float) in
                var narrower = choice
                narrower[field] -= 1
                let lost = scores[field, choice[field]] - scores[field, narrower[field]]
                return (field, lost / Float(bytes(choice) - bytes(narrower)))
            }
            guard let cheapest = prices.min(by: { $0.price < $1.price }) else { break }
            choice[cheapest.field] -= 1
        }
        return choice
    }

    private func table() -> ProjectedTable {
        let own = zip(choices, chosen()).map { $0[$1].folded }
        return ProjectedTable(configuration, schema, fields: own)
    }

    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? {
        let table = table()
        let widths = zip(schema.fields, table.rows).map { "\($0.name) \($1.shape[1])" }
        search.report("widths: " + widths.joined(separator: ", "))
        return TableStage(table: table, network: .current, name: "retrain")
    }

    func served() throws(KuklaError) -> any ServedTable { try table().served() }
}

/// A table of one width, a map to the common one, and its normalisation.
struct WidthChoice: Module {
    let rows: Parameter
    let map: Linear
    let norm: BatchNorm

    init(_ count: Int, _ width: Int, _ output: Int, bound: Float, using random: inout RandomSource) {
        rows = Parameter(.uniform([count, width], in: -bound...bound, using: &random))
        map = Linear(width, output, using: &random)
        norm = BatchNorm(output)
        norm.weight.isTrainable = false
        norm.bias.isTrainable = false
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("rows", rows)
        visitor.visit("map", map)
        visitor.visit("norm", norm)
    }

    /// - Parameter ids: -1 for one that was never seen.
    func callAsFunction(_ ids: [Int32], mode: ForwardMode) -> Tensor {
        norm(map(rows.tensor.gathered(orZero: ids)), mode: mode)
    }

    /// Rows, projection `[width, d]` and bias, the normalisation by its running statistics included.
    var folded: ProjectedTable.Field {
        let scale = (norm.runningVariance.value + norm.epsilon).rsqrt()
        let bias = (map.bias?.value ?? .zeros([map.outputDimensions])) - norm.runningMean.value
        return ProjectedTable.Field(
            rows: rows.value, projection: (map.weight.value * scale.reshaped([-1, 1])).transposed(),
            bias: bias * scale)
    }
}

extension IdBatch {
    /// The ids of a column, -1 for those that were never seen.
    func known(_ column: Int, below count: Int) -> [Int32] {
        stride(from: column, to: ids.count, by: fields.count).map { place in
            ids[place] >= 0 && ids[place] < Int32(count) ? ids[place] : -1
        }
    }
}
