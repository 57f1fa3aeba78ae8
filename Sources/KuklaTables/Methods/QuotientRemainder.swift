import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Compositional embeddings: `e = Q[i div m] (*) R[i mod m]`, a product or a sum, with one modulus m for all fields.
///
/// Floats: `(ceil(n / m) + m) d` of a field of n ids; a field that this does not shrink keeps its rows. m is the smallest that keeps to
/// the budget, so that most rows are used. Every id has a pair of rows of its own. An id that was never seen has the pair of some other.
///
/// *Start:* R as all tables, Q of a product at 1, so that neither factor's gradient is small because of the other.
/// *Source:* Shi, Mudigere, Naumov and Yang 2020, "Compositional embeddings using complementary partitions", arXiv:1909.02107.
enum QuotientRemainder: TableMethod {
    static let word = "qr"
    static let summary = "each id a pair of rows, by quotient and remainder, multiplied or added"
    static let options = [
        TableOption("combine", "product", .choice(["product", "sum"]), "how the two rows become one"),
        TableOption(
            "modulus", "auto", .automatic(1...Int(Int32.max)),
            "m, for every field whether that shrinks it or not; auto: what the budget holds"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        if let modulus = configuration.integer("modulus") {
            return 4 * schema.fields.reduce(0) { $0 + pairFloats($1, modulus, schema.width) }
        }
        return 4 * (moduli(schema).map { floats(schema, modulus: $0) }.min() ?? 0)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let limit = (budget ?? Int.max) / 4
        let given = configuration.integer("modulus")
        let modulus = given ?? moduli(schema).first { floats(schema, modulus: $0) <= limit } ?? 1
        let split =
            given == nil
            ? FieldSplit(schema) { pairFloats($0, modulus, schema.width) }
            : FieldSplit(schema, schema.fields.map { _ in true })
        return SplitTable(configuration, split, seed: seed) { random in
            PairGroup(
                PairLayout(schema, fields: split.compressed, modulus: modulus),
                isProduct: configuration.text("combine") == "product", width: schema.width,
                bound: schema.initialBound, using: &random)
        }
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedSplit(configuration, schema, from: reader) { split throws(KuklaError) in
            let modulus = try reader.fact("modulus", count: 1)[0]
            guard (1...Int(Int32.max)).contains(modulus) else {
                throw reader.bad("its modulus is \(modulus)")
            }
            let layout = PairLayout(schema, fields: split.compressed, modulus: modulus)
            return ServedPairs(
                layout: layout, isProduct: configuration.text("combine") == "product", width: schema.width,
                quotients: try reader.array("quotients", shape: [layout.quotientCount, schema.width]).storage,
                remainders: try reader.array("remainders", shape: [layout.remainderCount, schema.width])
                    .storage)
        }
    }

    /// All that are worth trying: beyond the root of the largest field, a larger modulus needs more floats for every field.
    private static func moduli(_ schema: TableSchema) -> ClosedRange<Int> {
        let largest = schema.fields.map(\.count).max() ?? 1
        return 1...Int(Double(largest).squareRoot().rounded(.up))
    }

    private static func floats(_ schema: TableSchema, modulus: Int) -> Int {
        FieldSplit.floatCount(schema) { pairFloats($0, modulus, schema.width) }
    }

    private static func pairFloats(_ field: TableField, _ modulus: Int, _ width: Int) -> Int {
        ((field.count + modulus - 1) / modulus + modulus) * width
    }
}

/// Where the rows of quotients and remainders of each field lie.
struct PairLayout: Sendable {
    let modulus: UInt32
    /// For each field of the schema: where its rows begin, and how many quotients it has; 0 where it is not compressed.
    private let quotientStarts: [Int32], remainderStarts: [Int32]
    private let quotients: [UInt32]
    let quotientCount: Int, remainderCount: Int

    init(_ schema: TableSchema, fields: [Int], modulus: Int) {
        self.modulus = UInt32(modulus)
        var starts = [Int32](repeating: 0, count: schema.fields.count)
        var (others, counts) = (starts, [UInt32](repeating: 0, count: schema.fields.count))
        var (quotientCount, remainderCount) = (0, 0)
        for field in fields {
            starts[field] = Int32(quotientCount)
            others[field] = Int32(remainderCount)
            let quotients = (schema.fields[field].count + modulus - 1) / modulus
            counts[field] = UInt32(quotients)
            quotientCount += quotients
            remainderCount += modulus
        }
        (quotientStarts, remainderStarts, quotients) = (starts, others, counts)
        (self.quotientCount, self.remainderCount) = (quotientCount, remainderCount)
    }

    func rows(field: Int, id: Int32) -> (quotient: Int32, remainder: Int32) {
        let (quotient, remainder) = UInt32(bitPattern: id).quotientAndRemainder(dividingBy: modulus)
        // Only an id that was never seen needs the second remainder.
        let own = quotient < quotients[field] ? quotient : quotient % quotients[field]
        return (quotientStarts[field] + Int32(own), remainderStarts[field] + Int32(remainder))
    }
}

/// The trained rows of `QuotientRemainder`.
final class PairGroup: TrainedGroup {
    let layout: PairLayout
    let isProduct: Bool
    let quotients: Parameter
    let remainders: Parameter

    init(_ layout: PairLayout, isProduct: Bool, width: Int, bound: Float, using random: inout RandomSource) {
        self.layout = layout
        self.isProduct = isProduct
        remainders = Parameter(
            Tensor.uniform([layout.remainderCount, width], in: -bound...bound, using: &random))
        let shape = [layout.quotientCount, width]
        quotients = Parameter(isProduct ? .ones(shape) : .uniform(shape, in: -bound...bound, using: &random))
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("quotients", quotients)
        visitor.visit("remainders", remainders)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let count = batch.ids.count
        var (first, second) = ([Int32](repeating: 0, count: count), [Int32](repeating: 0, count: count))
        for i in 0..<count {
            (first[i], second[i]) = layout.rows(field: batch.fields[i % batch.fields.count], id: batch.ids[i])
        }
        let (q, r) = (quotients.tensor.gathered(rows: first), remainders.tensor.gathered(rows: second))
        return isProduct ? q * r : q + r
    }

    func served() throws(KuklaError) -> any ServedGroup {
        ServedPairs(
            layout: layout, isProduct: isProduct, width: remainders.shape[1],
            quotients: quotients.value.sharedStorage, remainders: remainders.value.sharedStorage)
    }
}

/// `PairGroup` as it is used.
struct ServedPairs: ServedGroup {
    let layout: PairLayout
    let isProduct: Bool
    let width: Int
    let quotients: AlignedStorage<Float>
    let remainders: AlignedStorage<Float>

    var arrays: [TableArray] {
        [
            TableArray("quotients", [layout.quotientCount, width], quotients),
            TableArray("remainders", [layout.remainderCount, width], remainders),
        ]
    }
    var facts: [String: [Int]] { ["modulus": [Int(layout.modulus)]] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let (quotient, remainder) = layout.rows(field: field, id: id)
        let (q, r) = (quotients.pointer + Int(quotient) * width, remainders.pointer + Int(remainder) * width)
        if isProduct {
            for i in 0..<width { out[i] = q[i] * r[i] }
        } else {
            for i in 0..<width { out[i] = q[i] + r[i] }
        }
    }
}
