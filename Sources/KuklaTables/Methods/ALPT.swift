import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Adaptive low-precision training: integer rows, each with a step that is learned.
///
/// Each update has three parts. (a) The optimizer moves the floats `w` that the codes stood for. (b) With `w` fixed, the loss at the rounded
/// `Q(w) = step clip(round(w / step))` is differentiated once more; `dQ/dstep` is `round(w / step) - w / step`, or the bound where w
/// is clipped; times `1 / sqrt(batch d (2^(bits-1) - 1))` it moves the steps by Adam. (c) The touched rows are rounded stochastically with
/// the new steps. *Memory:* `N d` codes and a float step for each row. An id that was never seen is zeros.
///
/// *Source:* Li, Tang, Chen et al. 2023, "Adaptive low-precision training for embeddings in click-through rate prediction", AAAI,
/// arXiv:2212.05735. The slope of the rounding: Esser et al. 2020 (LSQ), arXiv:1902.08153.
enum ALPT: TableMethod {
    static let word = "alpt"
    static let summary = "rows of integers, each with a learned step"
    static let options = [
        TableOption("bits", "8", .choice(["8", "16"]), "width of a code"),
        TableOption("step", "0.01", .number(1e-9...1e3), "what every row's step starts from"),
        TableOption("rate", "0.00002", .number(0...1), "learning rate of the steps"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        schema.idCount * (schema.width * (configuration.integer("bits") ?? 8) / 8 + 4)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        configuration.integer("bits") == 16
            ? SteppedTable<Int16>(configuration, schema, seed: seed)
            : SteppedTable<Int8>(configuration, schema, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        configuration.integer("bits") == 16
            ? try load(Int16.self, configuration, schema, from: reader)
            : try load(Int8.self, configuration, schema, from: reader)
    }

    private static func load<Code: IntegerCode>(
        _ type: Code.Type, _ configuration: TableConfiguration, _ schema: TableSchema,
        from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let addressing = RowPerId(schema.fields.map(\.count))
        return ServedIntegers<Code>(
            configuration: configuration, schema: schema, addressing: addressing,
            codes: try reader.array("codes", shape: [addressing.rowCount, schema.width]).storage,
            steps: try reader.array("steps", shape: [addressing.rowCount]).storage, hasStepPerRow: true)
    }
}

/// A trained table whose rows are multiples of their steps after every update.
final class SteppedTable<Code: IntegerCode>: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// One for each row.
    let steps: Parameter
    private let random: RandomStream
    private let touched = TouchedRows()
    private let moments: Guarded<[Tensor]>

    init(_ configuration: TableConfiguration, _ schema: TableSchema, seed: UInt64) {
        var random = RandomSource(seed: seed)
        self.configuration = configuration
        self.schema = schema
        addressing = RowPerId(schema.fields.map(\.count))
        let rows = addressing.rowCount
        let (bound, step) = (schema.initialBound, Float(configuration.number("step")))
        weight = Parameter(.uniform([rows, schema.width], in: -bound...bound, using: &random))
        steps = Parameter(.full([rows], step), isBuffer: true)
        self.random = RandomStream(random)
        moments = Guarded(Adam().initialState(for: Tensor.zeros([rows])))
        requantize((0..<Int32(rows)).map { $0 }) { weight, step, uniform in
            Code.stochastic(weight, step: step, uniform: uniform)
        }
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        visitor.visit("steps", steps)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        if mode.isTraining { touched.add(rows) }
        return weight.tensor.gathered(orZero: rows).reshaped([batch.rows, -1])
    }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        let rows = touched.take()
        let floats = weight.value.gathered(rows: rows)
        requantize(rows) { weight, step, _ in Code.nearest(weight, step: step) }
        let gradients = try training.gradientsAgain()
        _ = touched.take()
        if case .rows(let gradient)? = gradients[weight] {
            updateSteps(gradient, at: rows, floats: floats, training)
        }
        weight.update { value in
            value.withUnsafeMutableBufferPointer { all in
                floats.withUnsafeBufferPointer { floats in
                    let width = floats.count / max(rows.count, 1)
                    for (i, row) in rows.enumerated() {
                        for j in 0..<width { all[Int(row) * width + j] = floats[i * width + j] }
                    }
                }
            }
        }
        requantize(rows) { Code.stochastic($0, step: $1, uniform: $2) }
    }

    // Writes rows as the multiples of their steps that `code` chooses.
    private func requantize(_ rows: [Int32], _ code: (Float, Float, Float) -> Code) {
        let (width, steps) = (schema.width, steps.value)
        weight.update { value in
            random.draw { random in
                value.withUnsafeMutableBufferPointer { all in
                    steps.withUnsafeBufferPointer { steps in
                        for row in rows {
                            let step = steps[Int(row)]
                            for i in Int(row) * width..<(Int(row) + 1) * width {
                                all[i] = Float(code(all[i], step, random.uniform())) * step
                            }
                        }
                    }
                }
            }
        }
    }

    // `gradient` is the loss's with respect to the rounded rows; `floats` are the rows before rounding.
    private func updateSteps(
        _ gradient: RowGradient, at rows: [Int32], floats: Tensor, _ training: TableTraining
    ) {
        let width = schema.width
        let scale = 1 / (Float(gradient.indices.count * width) * Float(Code.max)).squareRoot()
        let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
        let (old, values) = (steps.value, gradient.values)
        let slopes = Tensor(shape: [gradient.indices.count]) { out in
            for (i, row) in gradient.indices.enumerated() {
                out[i] = 0
                guard let place = places[row] else { continue }
                let step = old[Int(row)]
                for j in 0..<width {
                    out[i] += scale * values[i, j] * SteppedTable.slope(floats[place, j], step: step)
                }
            }
        }
        let change = Gradient.rows(
            RowGradient(rowCount: old.count, summing: slopes, at: gradient.indices))
        let settings = UpdateSettings(learningRate: Float(configuration.number("rate")))
        steps.update { value in
            moments.withLock { moments in
                Adam().update(
                    &value, state: &moments, gradient: change, step: training.step, settings: settings)
            }
            value.withUnsafeMutableBufferPointer { all in
                for row in gradient.indices { all[Int(row)] = max(all[Int(row)], 1e-8) }
            }
        }
    }

    /// `dQ/dstep` at one float.
    static func slope(_ weight: Float, step: Float) -> Float {
        let exact = weight / step
        let code = Float(Code.nearest(weight, step: step))
        return exact >= Float(Code.max) || exact <= Float(Code.min) ? code : code - exact
    }

    func served() throws(KuklaError) -> any ServedTable {
        let (width, steps) = (schema.width, steps.value.sharedStorage)
        let codes = AlignedStorage<Code>(uninitialized: weight.shape[0] * width)
        weight.value.withUnsafeBufferPointer { all in
            for i in all.indices { codes.pointer[i] = Code.nearest(all[i], step: steps.pointer[i / width]) }
        }
        return ServedIntegers<Code>(
            configuration: configuration, schema: schema.bare, addressing: addressing, codes: codes,
            steps: steps,
            hasStepPerRow: true)
    }
}
