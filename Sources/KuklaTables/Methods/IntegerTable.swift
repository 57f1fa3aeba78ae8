import KuklaNN
import KuklaNumerics
import KuklaTensor

/// A trained table whose rows are whole multiples of a step after every update: of one fixed step, or each row of its own, learned one.
///
/// A row that an update touched is rounded up with the probability of the part behind the point.
final class IntegerTable<Code: IntegerCode>: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let addressing: RowPerId
    let weight: Parameter
    /// nil where one step is for all rows and stays.
    let learned: LearnedSteps<Code>?
    private let step: Float
    private let random: RandomStream
    private let touched = TouchedRows()

    /// - Parameter rate: the learning rate of the rows' steps; nil for one fixed step.
    init(_ configuration: TableConfiguration, _ schema: TableSchema, rate: Float? = nil, seed: UInt64) {
        var random = RandomSource(seed: seed)
        let step = Float(configuration.number("step"))
        self.configuration = configuration
        self.schema = schema
        self.step = step
        addressing = RowPerId(schema.fields.map(\.count))
        let (rows, bound) = (addressing.rowCount, schema.initialBound)
        weight = Parameter(.uniform([rows, schema.width], in: -bound...bound, using: &random))
        learned = rate.map { LearnedSteps(rows: rows, start: step, rate: $0) }
        self.random = RandomStream(random)
        roundStochastically((0..<Int32(rows)).map { $0 })
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("weight", weight)
        if let learned { visitor.visit("steps", learned.values) }
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let rows = addressing.rows(of: batch)
        if mode.isTraining { touched.add(rows) }
        return weight.tensor.gathered(orZero: rows).reshaped([batch.rows, -1])
    }

    func didUpdate(_ training: TableTraining) throws(KuklaError) {
        let rows = touched.take()
        if let learned { try updateSteps(learned, of: rows, training) }
        roundStochastically(rows)
    }

    /// With the floats as they are, moves the steps by the gradient of the loss at the rounded rows.
    private func updateSteps(
        _ learned: LearnedSteps<Code>, of rows: [Int32], _ training: TableTraining
    ) throws(KuklaError) {
        let floats = weight.value.gathered(rows: rows)
        let (steps, limits) = (learned.values.value, Code.limits)
        rewrite(rows) { all, row in
            let step = steps.pointer[row]
            for i in all.indices { all[i] = limits.nearest(all[i], step: step) * step }
        }
        let gradients = try training.gradientsAgain()
        _ = touched.take()
        if case .rows(let gradient)? = gradients[weight] {
            learned.update(gradient, at: rows, floats: floats, step: training.step)
        }
        floats.withUnsafeBufferPointer { floats in
            let width = schema.width
            var next = 0
            rewrite(rows) { all, _ in
                for i in all.indices { all[i] = floats[next * width + i] }
                next += 1
            }
        }
    }

    private func roundStochastically(_ rows: [Int32]) {
        let (fixed, steps, limits) = (step, learned?.values.value, Code.limits)
        random.draw { random in
            rewrite(rows) { all, row in
                let step = steps?.pointer[row] ?? fixed
                for i in all.indices {
                    all[i] = limits.stochastic(all[i], step: step, uniform: random.uniform()) * step
                }
            }
        }
    }

    /// Calls `body` with each of the rows, to change it, and its number.
    private func rewrite(_ rows: [Int32], _ body: (UnsafeMutableBufferPointer<Float>, Int) -> Void) {
        let width = schema.width
        weight.update { value in
            value.withUnsafeMutableBufferPointer { all in
                for row in rows {
                    let own = Int(row) * width..<(Int(row) + 1) * width
                    body(UnsafeMutableBufferPointer(rebasing: all[own]), Int(row))
                }
            }
        }
    }

    func served() throws(KuklaError) -> any ServedTable {
        let width = schema.width
        let steps = learned?.values.value.sharedStorage ?? AlignedStorage([step])
        let codes = AlignedStorage<Code>(uninitialized: weight.shape[0] * width)
        weight.value.withUnsafeBufferPointer { all in
            for i in all.indices {
                codes.pointer[i] = Code.nearest(
                    all[i], step: steps.pointer[learned == nil ? 0 : i / width])
            }
        }
        return ServedIntegers<Code>(
            configuration: configuration, schema: schema.bare, addressing: addressing, codes: codes,
            steps: steps, hasStepPerRow: learned != nil)
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
