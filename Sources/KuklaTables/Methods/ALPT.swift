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
        let rate = Float(configuration.number("rate"))
        return configuration.integer("bits") == 16
            ? IntegerTable<Int16>(configuration, schema, rate: rate, seed: seed)
            : IntegerTable<Int8>(configuration, schema, rate: rate, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        configuration.integer("bits") == 16
            ? try ServedIntegers<Int16>(configuration, schema, step: nil, from: reader)
            : try ServedIntegers<Int8>(configuration, schema, step: nil, from: reader)
    }
}

/// Steps of rows that follow the loss.
final class LearnedSteps<Code: IntegerCode>: Sendable {
    /// One for each row.
    let values: Parameter
    private let rate: Float
    private let moments: Guarded<[Tensor]>

    init(rows: Int, start: Float, rate: Float) {
        values = Parameter(.full([rows], start), isBuffer: true)
        self.rate = rate
        moments = Guarded(Adam().initialState(for: Tensor.zeros([rows])))
    }

    /// Moves the steps of the rows that the gradient is of, by Adam.
    ///
    /// - Parameters:
    ///   - gradient: the loss's with respect to the rounded rows.
    ///   - rows: the rows whose values before rounding are `floats`, ascending.
    ///   - step: updates made, this one included.
    func update(_ gradient: RowGradient, at rows: [Int32], floats: Tensor, step: Int) {
        let (width, limits) = (floats.shape[1], Code.limits)
        let scale = 1 / (Float(gradient.indices.count * width) * limits.greatest).squareRoot()
        let (old, slopes) = (values.value, gradient.values)
        let change = Tensor(shape: [gradient.indices.count]) { out in
            var place = 0
            for (i, row) in gradient.indices.enumerated() {
                while place < rows.count, rows[place] < row { place += 1 }
                out[i] = 0
                guard place < rows.count, rows[place] == row else { continue }
                let step = old.pointer[Int(row)]
                let (slope, float) = (slopes.pointer + i * width, floats.pointer + place * width)
                for j in 0..<width { out[i] += scale * slope[j] * limits.slope(float[j], step: step) }
            }
        }
        values.update { value in
            moments.withLock { moments in
                Adam().update(
                    &value, state: &moments,
                    gradient: .rows(RowGradient(rowCount: old.count, summing: change, at: gradient.indices)),
                    step: step, settings: UpdateSettings(learningRate: rate))
            }
            value.withUnsafeMutableBufferPointer { all in
                for row in gradient.indices { all[Int(row)] = max(all[Int(row)], 1e-8) }
            }
        }
    }
}

extension CodeLimits {
    /// `dQ/dstep` at one float.
    fileprivate func slope(_ weight: Float, step: Float) -> Float {
        let exact = weight / step
        let code = nearest(weight, step: step)
        return exact >= greatest || exact <= least ? code : code - exact
    }
}
