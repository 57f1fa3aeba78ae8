import CKernels
import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// TT-Rec: the table of a field as a train of three small cores, of one rank R for all fields.
///
/// Rows `n <= N1 N2 N3` near the cube root of n each, `d = d1 d2 d3`; with `i1 = i mod N1`, `i2 = (i div N1) mod N2`, `i3` the rest,
/// `e = reshape(G1[i1] G2[i2] G3[i3])`, of shapes `[d1, R]`, `[R, d2 R]` and `[R, d3]`. *Floats:* `R (N1 d1 + N2 d2 R + N3 d3)` a field; a field that
/// this does not shrink keeps its rows. R is the largest within the budget. An id that was never seen is zeros.
///
/// *Start:* normal numbers of deviation `(3 / (N1 N2 N3))^(1/6)` of which those within half a deviation are drawn again: products of three
/// numbers near zero would all but vanish. *Source:* Yin, Acun, Liu and Wu 2021, "TT-Rec: tensor train compression for deep learning
/// recommendation models", MLSys, arXiv:2101.11714.
enum TensorTrain: TableMethod {
    static let word = "tt"
    static let summary = "each field a train of three small tensors (TT-Rec)"
    static let options: [TableOption] = []

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * floats(schema, rank: 1)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let rank = rank(of: schema, budget: budget)
        let split = FieldSplit(schema) { TrainShape($0.count, schema.width).floats(rank) }
        return SplitTable(configuration, split, seed: seed) { random in
            TrainGroup(TrainLayout(schema, fields: split.compressed, rank: rank), using: &random)
        }
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedSplit(configuration, schema, from: reader) { split throws(KuklaError) in
            let rank = try reader.fact("rank", count: 1)[0]
            guard (1...65_536).contains(rank) else { throw reader.bad("its rank is \(rank)") }
            let layout = TrainLayout(schema, fields: split.compressed, rank: rank)
            var cores: [AlignedStorage<Float>] = []
            for core in 0..<3 {
                cores.append(
                    try reader.array("core\(core)", shape: [layout.rowCounts[core], layout.rowFloats[core]])
                        .storage)
            }
            return ServedTrains(layout: layout, cores: cores)
        }
    }

    /// The largest rank within the budget.
    static func rank(of schema: TableSchema, budget: Int?) -> Int {
        let limit = (budget ?? schema.denseByteCount) / 4
        let dense = schema.idCount * schema.width
        var rank = 1
        while floats(schema, rank: rank) < dense, floats(schema, rank: rank + 1) <= limit { rank += 1 }
        return rank
    }

    private static func floats(_ schema: TableSchema, rank: Int) -> Int {
        FieldSplit.floatCount(schema) { TrainShape($0.count, schema.width).floats(rank) }
    }
}

/// How rows and components of a field are cut into three.
struct TrainShape: Sendable {
    /// N1, N2, N3.
    let rows: (Int, Int, Int)
    /// d1, d2, d3.
    let widths: (Int, Int, Int)

    init(_ count: Int, _ width: Int) {
        var first = max(1, Int(cbrt(Double(count)).rounded()))
        while first * first * first < count { first += 1 }
        while first > 1, (first - 1) * (first - 1) * (first - 1) >= count { first -= 1 }
        let rest = (count + first - 1) / first
        var second = max(1, Int(Double(rest).squareRoot().rounded()))
        while second * second < rest { second += 1 }
        while second > 1, (second - 1) * (second - 1) >= rest { second -= 1 }
        rows = (first, second, (count + first * second - 1) / (first * second))
        widths = Self.factors(width)
    }

    func floats(_ rank: Int) -> Int {
        rank * (rows.0 * widths.0 + rows.1 * widths.1 * rank + rows.2 * widths.2)
    }

    /// Three ascending factors of least sum: 16 is 2 x 2 x 4.
    static func factors(_ width: Int) -> (Int, Int, Int) {
        var best = (1, 1, width)
        for a in 1...width where a * a * a <= width && width.isMultiple(of: a) {
            let rest = width / a
            for b in a...rest where b * b <= rest && rest.isMultiple(of: b) {
                if a + b + rest / b < best.0 + best.1 + best.2 { best = (a, b, rest / b) }
            }
        }
        return best
    }
}

/// Where the rows of each field's cores lie, and the product of three of them.
struct TrainLayout: Sendable {
    let rank: Int
    /// d1, d2, d3.
    let widths: (Int, Int, Int)
    /// Rows of each core, of all fields, and the floats of a row.
    let rowCounts: [Int], rowFloats: [Int]
    private let shapes: [TrainShape?]
    /// Of all fields.
    let idCount: Int
    private let counts: [Int], offsets: [Int]
    private let starts: [(Int, Int, Int)]

    init(_ schema: TableSchema, fields: [Int], rank: Int) {
        self.rank = rank
        widths = TrainShape.factors(schema.width)
        (counts, offsets, idCount) = (schema.fields.map(\.count), schema.offsets, schema.idCount)
        var shapes = [TrainShape?](repeating: nil, count: schema.fields.count)
        var starts = [(Int, Int, Int)](repeating: (0, 0, 0), count: schema.fields.count)
        var next = (0, 0, 0)
        for field in fields {
            let shape = TrainShape(schema.fields[field].count, schema.width)
            shapes[field] = shape
            starts[field] = next
            next = (next.0 + shape.rows.0, next.1 + shape.rows.1, next.2 + shape.rows.2)
        }
        (self.shapes, self.starts) = (shapes, starts)
        rowCounts = [next.0, next.1, next.2]
        rowFloats = [widths.0 * rank, rank * widths.1 * rank, rank * widths.2]
    }

    /// The deviation that the cores of a field start from, for each row of a core.
    func deviations(core: Int) -> [Float] {
        shapes.flatMap { shape -> [Float] in
            guard let shape else { return [] }
            let rows = [shape.rows.0, shape.rows.1, shape.rows.2]
            let deviation = Float(pow(3 / Double(rows[0] * rows[1] * rows[2]), 1.0 / 6))
            return [Float](repeating: deviation, count: rows[core])
        }
    }

    /// The rows of the three cores that an id's vector is the product of; nil for an id that was never seen.
    func rows(field: Int, id: Int32) -> (Int, Int, Int)? {
        guard let shape = shapes[field], id >= 0, Int(id) < counts[field] else { return nil }
        let (rest, first) = Int(id).quotientAndRemainder(dividingBy: shape.rows.0)
        let (third, second) = rest.quotientAndRemainder(dividingBy: shape.rows.1)
        let start = starts[field]
        return (start.0 + first, start.1 + second, start.2 + third)
    }

    /// The same for the id at a place of a batch.
    func rows(_ batch: IdBatch, at place: Int) -> (Int, Int, Int)? {
        rows(field: batch.fields[place % batch.fields.count], id: batch.ids[place])
    }

    /// The number of the id at a place of a batch among the ids of all fields; one more than they have for an id that was never seen.
    func number(_ batch: IdBatch, at place: Int) -> Int32 {
        let (field, id) = (batch.fields[place % batch.fields.count], batch.ids[place])
        return id >= 0 && Int(id) < counts[field] ? Int32(offsets[field]) + id : Int32(idCount)
    }

    /// Floats that `product` needs beside its result: the product of the first two cores.
    var scratch: Int { widths.0 * widths.1 * rank }

    /// `out = a b c`, and `middle = a b`.
    func product(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafePointer<Float>,
        middle: UnsafeMutablePointer<Float>, to out: UnsafeMutablePointer<Float>
    ) {
        let multiply = trainingKernels.small_product
        multiply(a, b, middle, widths.0, rank, widths.1 * rank)
        multiply(middle, c, out, widths.0 * widths.1, rank, widths.2)
    }
}

/// `c [n, k] = a b'` for a `[n, m]` and b `[k, m]`, of few columns.
private func multiplyByTransposed(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ n: Int,
    _ k: Int, _ m: Int
) {
    for i in 0..<n {
        for l in 0..<k {
            var sum: Float = 0
            for j in 0..<m { sum += a[i * m + j] * b[l * m + j] }
            c[i * k + l] = sum
        }
    }
}

/// The trained cores.
final class TrainGroup: TrainedGroup {
    let layout: TrainLayout
    let cores: [Parameter]

    init(_ layout: TrainLayout, using random: inout RandomSource) {
        self.layout = layout
        var cores: [Parameter] = []
        for core in 0..<3 {
            let width = layout.rowFloats[core]
            cores.append(
                Parameter(
                    Tensor(shape: [layout.rowCounts[core], width]) { out in
                        for (row, deviation) in layout.deviations(core: core).enumerated() {
                            for i in row * width..<(row + 1) * width {
                                var number = random.normal()
                                while abs(number) < 0.5 { number = random.normal() }
                                out[i] = deviation * number
                            }
                        }
                    }))
        }
        self.cores = cores
    }

    func visit(_ visitor: inout ModuleVisitor) {
        for (i, core) in cores.enumerated() { visitor.visit("core\(i)", core) }
    }

    /// Computes each different id of the batch once: popular ones are in most rows.
    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let groups = RowGroups(
            batch.ids.indices.map { layout.number(batch, at: $0) }, below: layout.idCount + 1)
        var places = [Int32](repeating: 0, count: batch.ids.count)
        for group in groups.rows.indices {
            for position in groups.positions[Int(groups.starts[group])..<Int(groups.starts[group + 1])] {
                places[Int(position)] = Int32(group)
            }
        }
        let firsts = groups.starts.dropLast().map { Int(groups.positions[Int($0)]) }
        return products(batch, at: firsts).gathered(rows: places)
    }

    /// The vectors of the ids at some places of a batch.
    private func products(_ batch: IdBatch, at places: [Int]) -> Tensor {
        let (layout, tensors) = (layout, cores.map(\.tensor))
        let width = layout.widths.0 * layout.widths.1 * layout.widths.2
        let result = Tensor(shape: [places.count, width]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(places.count, grain: rowGrain(layout.scratch + layout.rowFloats[1])) { block in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: layout.scratch) { middle in
                    for i in block {
                        guard let at = layout.rows(batch, at: places[i]) else {
                            (to + i * width).update(repeating: 0, count: width)
                            continue
                        }
                        layout.product(
                            tensors[0].pointer + at.0 * layout.rowFloats[0],
                            tensors[1].pointer + at.1 * layout.rowFloats[1],
                            tensors[2].pointer + at.2 * layout.rowFloats[2],
                            middle: middle.baseAddress!, to: to + i * width)
                    }
                }
            }
        }
        return result.recorded("tensorTrainProducts", from: tensors) { gradient, accumulator in
            Tape.requireFirstOrder("tensorTrainProducts")
            let all = layout.gradient(gradient, batch, at: places, tensors)
            var start = 0
            for tensor in tensors {
                let part = Tensor(shape: tensor.shape, storage: all.storage, offset: start)
                accumulator.add(part, to: tensor)
                start += tensor.count
            }
        }
    }

    func served() throws(KuklaError) -> any ServedGroup {
        ServedTrains(layout: layout, cores: cores.map { $0.value.sharedStorage })
    }
}

extension TrainLayout {
    /// The gradients of the three cores, one behind another. They are small: every row of theirs serves many ids.
    fileprivate func gradient(
        _ gradient: Tensor, _ batch: IdBatch, at places: [Int], _ cores: [Tensor]
    ) -> Tensor {
        let width = widths.0 * widths.1 * widths.2
        let rows = widths.0 * widths.1
        let addTransposedProduct = trainingKernels.add_transposed_product
        let dot = kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee.dot_rows_f32
        return summingOverRows(
            places.count, columns: scratch + rowFloats[1], width: cores.reduce(0) { $0 + $1.count }
        ) { block, sums in
            let second = sums + cores[0].count
            let third = second + cores[1].count
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * scratch + width + rank) { room in
                let middle = room.baseAddress!
                let (slope, out) = (middle + scratch, middle + 2 * scratch)
                let products = out + width
                for i in block {
                    guard let at = self.rows(batch, at: places[i]) else { continue }
                    let a = cores[0].pointer + at.0 * rowFloats[0]
                    let b = cores[1].pointer + at.1 * rowFloats[1]
                    let c = cores[2].pointer + at.2 * rowFloats[2]
                    let g = gradient.pointer + i * width
                    product(a, b, c, middle: middle, to: out)
                    addTransposedProduct(middle, g, third + at.2 * rowFloats[2], rows, rank, widths.2)
                    multiplyByTransposed(g, c, slope, rows, rank, widths.2)
                    addTransposedProduct(
                        a, slope, second + at.1 * rowFloats[1], widths.0, rank, widths.1 * rank)
                    let first = sums + at.0 * rowFloats[0]
                    for i in 0..<widths.0 {
                        dot(slope + i * widths.1 * rank, b, rank, widths.1 * rank, products)
                        for l in 0..<rank { first[i * rank + l] += products[l] }
                    }
                }
            }
        }
    }
}

/// The cores as they are used.
struct ServedTrains: ServedGroup {
    let layout: TrainLayout
    let cores: [AlignedStorage<Float>]

    var arrays: [TableArray] {
        cores.enumerated().map { TableArray("core\($0)", [layout.rowCounts[$0], layout.rowFloats[$0]], $1) }
    }
    var facts: [String: [Int]] { ["rank": [layout.rank]] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        guard let at = layout.rows(field: field, id: id) else {
            out.update(repeating: 0, count: layout.widths.0 * layout.widths.1 * layout.widths.2)
            return
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: layout.scratch) { middle in
            layout.product(
                cores[0].pointer + at.0 * layout.rowFloats[0], cores[1].pointer + at.1 * layout.rowFloats[1],
                cores[2].pointer + at.2 * layout.rowFloats[2], middle: middle.baseAddress!, to: out)
        }
    }
}
