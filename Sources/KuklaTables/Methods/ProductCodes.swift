import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Differentiable product quantization: D codes of an id pick D parts of its vector from codebooks of the field.
///
/// Training holds a full vector q of each id. Of part j it takes `code_j = argmax_k BN(-||q_j - C_jk||^2)`, normalised over the batch, without scale and
/// shift, so that no row of a codebook is left out for long. The vector is `C_code`, the gradient goes to q as it is, and the
/// loss `mean (C_code - q)^2` moves the codebooks alone. Only codes and codebooks are served. *Memory of a field:* `n D bits` for the codes, `K d`
/// floats; a field that this does not shrink keeps its rows. D is the largest divisor of d within the budget. An id that was never seen is zeros.
///
/// *Source:* Chen, Li and Sun 2020, "Differentiable product quantization for end-to-end embedding compression", ICML, arXiv:1908.09756 (DPQ-VQ).
enum DifferentiableProductCodes: TableMethod {
    static let word = "dpq"
    static let summary = "codes into learned codebooks, part by part (DPQ)"
    static let options = [
        TableOption("codes", "32", .integer(2...256), "rows of a codebook"),
        TableOption(
            "parts", "auto", .automatic(1...4096), "parts of a vector; auto: what the budget holds, at most 8"
        ),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        try CodePlan.smallest(plans(configuration, schema))
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        try CodePlan.largest(plans(configuration, schema), budget).table(configuration, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let rows = configuration.integer("codes") ?? 32
        return try ServedCodes.load(
            configuration, schema, high: rows, low: rows, hasFlags: false, from: reader)
    }

    static func plans(
        _ configuration: TableConfiguration, _ schema: TableSchema, most: Int = 8
    ) throws(KuklaError) -> [CodePlan] {
        let rows = configuration.integer("codes") ?? 32
        return try CodePlan.divisors(configuration, schema, most: most).map {
            CodePlan(schema, parts: $0, high: rows, low: rows, isFrequent: nil)
        }
    }
}

/// Multi-granular quantized embeddings: product codes of which frequent ids may use all rows of a codebook, and the others the first ones only.
///
/// *Memory of a field:* a word for each id that says which it is, `D 8` bits for each frequent id and `D 6` for each other, and 256 d floats. Everything
/// else as `dpq`. *Source:* Kang, Cheng, Chen et al. 2020, "Learning multi-granular quantized embeddings for large-vocab categorical features
/// in recommender systems", WWW companion, arXiv:2002.08530.
enum MultiGranularCodes: TableMethod {
    static let word = "mgqe"
    static let summary = "product codes, finer for frequent ids (MGQE)"
    static let options = [
        TableOption("high", "256", .integer(2...256), "rows of a codebook for frequent ids"),
        TableOption("low", "64", .integer(2...256), "rows of a codebook for the others"),
        TableOption("frequent", "0.1", .number(0...1), "share of a field's ids that are frequent"),
        TableOption("parts", "auto", .automatic(1...4096), "parts of a vector; auto: what the budget holds"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        try CodePlan.smallest(plans(configuration, schema))
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        _ = try schema.idsByOccurrence(word)
        return try CodePlan.largest(plans(configuration, schema), budget).table(configuration, seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let (high, low) = (configuration.integer("high") ?? 256, configuration.integer("low") ?? 64)
        return try ServedCodes.load(configuration, schema, high: high, low: low, hasFlags: true, from: reader)
    }

    private static func plans(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> [CodePlan] {
        let (high, low) = (configuration.integer("high") ?? 256, configuration.integer("low") ?? 64)
        guard low <= high else {
            throw KuklaError(
                .usage,
                "The table '\(configuration)' gives rare ids more codes (\(low)) than frequent ones (\(high))."
            )
        }
        let share = configuration.number("frequent")
        // How many are frequent decides the size; which ones, where occurrences are known.
        let isFrequent = schema.fields.indices.map { field -> [Bool] in
            let count = schema.fields[field].count
            var flags = [Bool](repeating: false, count: count)
            let counts = schema.occurrences.isEmpty ? [] : schema.occurrences[field]
            let order =
                counts.isEmpty
                ? Array(0..<count) : counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }
            for id in order.prefix(Int((share * Double(count)).rounded())) { flags[id] = true }
            return flags
        }
        return try CodePlan.divisors(configuration, schema, most: schema.width).map {
            CodePlan(schema, parts: $0, high: high, low: low, isFrequent: isFrequent)
        }
    }
}

/// Sizes of product codes: how many parts, which fields, how many bits.
struct CodePlan: Sendable {
    let schema: TableSchema
    let split: FieldSplit
    /// D.
    let parts: Int
    let high: Int, low: Int
    /// For each field and id; nil where all are alike.
    let isFrequent: [[Bool]]?
    let byteCount: Int

    init(_ schema: TableSchema, parts: Int, high: Int, low: Int, isFrequent: [[Bool]]?) {
        self.schema = schema
        self.parts = parts
        self.high = high
        self.low = low
        self.isFrequent = isFrequent
        let (bitsHigh, bitsLow) = (Self.bits(high), Self.bits(low))
        // Bits of the codes of one field: of frequent ids, and of the others.
        let sizes = schema.fields.indices.map { field -> (Int, Int) in
            let count = schema.fields[field].count
            let frequent = isFrequent?[field].count { $0 } ?? count
            return (frequent * parts * bitsHigh, (count - frequent) * parts * bitsLow)
        }
        func fixed(_ field: Int) -> Int {
            4 * high * schema.width + (isFrequent == nil ? 0 : 4 * schema.fields[field].count)
        }
        let dense = schema.fields.map { 4 * $0.count * schema.width }
        let shrinks = schema.fields.indices.map {
            8 * fixed($0) + sizes[$0].0 + sizes[$0].1 < 8 * dense[$0]
        }
        split = FieldSplit(schema, shrinks)
        let compressed = split.compressed
        byteCount =
            compressed.reduce(0) { $0 + fixed($1) }
            + (compressed.reduce(0) { $0 + sizes[$1].0 } + 7) / 8
            + (compressed.reduce(0) { $0 + sizes[$1].1 } + 7) / 8
            + dense.indices.reduce(0) { $0 + (shrinks[$1] ? 0 : dense[$1]) }
    }

    /// Bits that a number below `rows` needs.
    static func bits(_ rows: Int) -> Int { max(1, Int.bitWidth - (rows - 1).leadingZeroBitCount) }

    /// The numbers of parts that come into question, ascending.
    static func divisors(
        _ configuration: TableConfiguration, _ schema: TableSchema, most: Int
    ) throws(KuklaError) -> [Int] {
        guard let parts = configuration.integer("parts") else {
            return (1...schema.width).filter { schema.width.isMultiple(of: $0) && $0 <= most }
        }
        guard schema.width.isMultiple(of: parts) else {
            throw KuklaError(
                .usage,
                "The table '\(configuration)' cannot cut vectors of \(schema.width) components into \(parts) equal parts."
            )
        }
        return [parts]
    }

    static func smallest(_ plans: [CodePlan]) throws(KuklaError) -> Int { plans.map(\.byteCount).min() ?? 0 }

    /// The plan of the most parts that keeps to the budget.
    static func largest(_ plans: [CodePlan], _ budget: Int?) throws(KuklaError) -> CodePlan {
        plans.last { $0.byteCount <= budget ?? Int.max } ?? plans[0]
    }

    func table(_ configuration: TableConfiguration, seed: UInt64) -> any EmbeddingTable {
        SplitTable(configuration, split, seed: seed) { random in CodeGroup(self, using: &random) }
    }
}

/// The trained vectors and codebooks.
final class CodeGroup: TrainedGroup {
    private let plan: CodePlan
    private let rows: RowPerId
    /// `[ids, d]`.
    let queries: Parameter
    /// `[fields D K, d / D]`.
    let codebooks: Parameter
    /// Running mean and variance of `-||q_j - C_jk||^2`, `[2, fields D K]`.
    let statistics: Parameter
    private let penalty = Guarded<Tensor?>(nil)

    init(_ plan: CodePlan, using random: inout RandomSource) {
        self.plan = plan
        let (schema, compressed) = (plan.schema, plan.split.compressed)
        rows = RowPerId(zip(schema.fields, plan.split.isCompressed).map { $1 ? $0.count : 0 })
        let bound = schema.initialBound
        queries = Parameter(.uniform([rows.rowCount, schema.width], in: -bound...bound, using: &random))
        let entries = compressed.count * plan.parts * plan.high
        codebooks = Parameter(
            .uniform([entries, schema.width / plan.parts], in: -bound...bound, using: &random))
        statistics = Parameter(.concatenated([.zeros([1, entries]), .ones([1, entries])]), isBuffer: true)
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("queries", queries)
        visitor.visit("codebooks", codebooks)
        visitor.visit("statistics", statistics)
    }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let (count, width, parts) = (batch.ids.count, plan.schema.width, plan.parts)
        let ids = rows.rows(of: batch)
        let queries = queries.tensor.gathered(orZero: ids)
        var entries = [Int32](repeating: 0, count: count * parts)
        for (column, field) in batch.fields.enumerated() {
            let places = stride(from: column, to: count, by: batch.fields.count).map { $0 }
            let own = queries.detached.gathered(rows: places.map { Int32($0) })
            let found = codes(
                own, field: field, ids: places.map { batch.ids[$0] }, isTraining: mode.isTraining)
            for (i, place) in places.enumerated() {
                for part in 0..<parts { entries[place * parts + part] = found[i * parts + part] }
            }
        }
        let picked = codebooks.tensor.gathered(rows: entries).reshaped([count, width])
        if mode.isTraining {
            let term = (picked - queries.detached).square().mean()
            penalty.withLock { $0 = $0.map { $0 + term } ?? term }
        }
        let values = ids.contains(-1) ? picked.detached * mask(ids) : picked.detached
        return queries.node == nil ? values : values.straightThrough(to: queries)
    }

    private func mask(_ ids: [Int32]) -> Tensor {
        Tensor(shape: [ids.count, 1], elements: ids.map { $0 < 0 ? 0 : 1 })
    }

    func takePenalty() -> Tensor? {
        penalty.withLock { penalty in
            defer { penalty = nil }
            return penalty
        }
    }

    /// The rows of the codebooks that vectors of one field take, `[rows][part]`.
    ///
    /// In training by the statistics of the batch, which the running ones then follow.
    private func codes(_ vectors: Tensor, field: Int, ids: [Int32], isTraining: Bool) -> [Int32] {
        let (parts, rows, count) = (plan.parts, plan.high, ids.count)
        let width = plan.schema.width / parts
        let first = plan.split.compressed.firstIndex(of: field)! * parts * rows
        let books = codebooks.value
        let book = books.pointer
        var result = [Int32](repeating: 0, count: count * parts)
        let (fine, coarse) = granularities(field, ids)
        for part in 0..<parts {
            let start = first + part * rows
            let scores = PartScores(
                vectors, columns: part * width..<(part + 1) * width, codebook: book + start * width,
                rows: rows)
            let (mean, variance) =
                isTraining && count > 1 ? follow(scores.moments(), at: start) : running(at: start)
            let normalized = scores.normalized(mean: mean, variance: variance)
            for (chosen, limit) in [(fine, rows), (coarse, plan.low)] {
                let found = normalized.best(of: chosen, below: limit)
                for (i, code) in zip(chosen, found) { result[i * parts + part] = Int32(start + code) }
            }
        }
        return result
    }

    /// The places of ids that may use all rows of a codebook, and of those that may use the first ones only.
    private func granularities(_ field: Int, _ ids: [Int32]) -> (fine: [Int], coarse: [Int]) {
        guard let flags = plan.isFrequent?[field] else { return (Array(ids.indices), []) }
        let isCoarse = ids.map { $0 >= 0 && Int($0) < flags.count && !flags[Int($0)] }
        return (ids.indices.filter { !isCoarse[$0] }, ids.indices.filter { isCoarse[$0] })
    }

    private func running(at start: Int) -> (mean: [Float], variance: [Float]) {
        let (all, entries) = (statistics.value.pointer, statistics.shape[1])
        func piece(_ row: Int) -> [Float] {
            Array(UnsafeBufferPointer(start: all + row * entries + start, count: plan.high))
        }
        return (piece(0), piece(1))
    }

    /// Moves the running mean and variance a tenth of the way to those of a batch, and gives the batch's.
    private func follow(
        _ moments: (mean: [Float], variance: [Float]), at start: Int
    ) -> (mean: [Float], variance: [Float]) {
        let entries = statistics.shape[1]
        statistics.update { all in
            all.withUnsafeMutableBufferPointer { all in
                for k in moments.mean.indices {
                    all[start + k] += 0.1 * (moments.mean[k] - all[start + k])
                    all[entries + start + k] += 0.1 * (moments.variance[k] - all[entries + start + k])
                }
            }
        }
        return moments
    }

    func served() throws(KuklaError) -> any ServedGroup {
        let (compressed, parts, rows) = (plan.split.compressed, plan.parts, plan.high)
        var (high, low, flags) = ([UInt8](), [UInt8](), [Int32]())
        let all = queries.value
        var next = 0
        for (place, field) in compressed.enumerated() {
            let count = plan.schema.fields[field].count
            for start in stride(from: 0, to: count, by: 4096) {
                let block = start..<min(count, start + 4096)
                let own = all.gathered(rows: block.map { Int32(next + $0) })
                let found = codes(own, field: field, ids: block.map { Int32($0) }, isTraining: false)
                for (i, id) in block.enumerated() {
                    let codes = (0..<parts).map { part in
                        UInt8(Int(found[i * parts + part]) - (place * parts + part) * rows)
                    }
                    if plan.isFrequent?[field][id] ?? true {
                        flags.append(Int32(high.count / parts))
                        high += codes
                    } else {
                        flags.append(~Int32(low.count / parts))
                        low += codes
                    }
                }
            }
            next += count
        }
        return ServedCodes(
            plan: ServedCodes.Sizes(plan.schema, fields: compressed, parts: parts, rows: rows),
            codebooks: codebooks.value.sharedStorage,
            high: PackedCodes(high, bits: CodePlan.bits(plan.high)),
            low: PackedCodes(low, bits: CodePlan.bits(plan.low)),
            flags: plan.isFrequent == nil ? nil : AlignedStorage(flags))
    }
}

/// Product codes as they are used.
struct ServedCodes: ServedGroup {
    struct Sizes: Sendable {
        let ids: RowPerId
        let parts: Int, rows: Int, width: Int
        /// For each field its place among the compressed ones.
        let places: [Int?]
        let fieldCount: Int

        init(_ schema: TableSchema, fields: [Int], parts: Int, rows: Int) {
            ids = RowPerId(schema.fields.indices.map { fields.contains($0) ? schema.fields[$0].count : 0 })
            self.parts = parts
            self.rows = rows
            width = schema.width
            places = schema.fields.indices.map { fields.firstIndex(of: $0) }
            fieldCount = fields.count
        }

        var bookShape: [Int] { [fieldCount * parts * rows, width / parts] }
    }

    let plan: Sizes
    let codebooks: AlignedStorage<Float>
    let high: PackedCodes, low: PackedCodes
    /// For each id the number of its codes among `high`, or among `low`, all bits turned; nil where all are in `high` in their order.
    let flags: AlignedStorage<Int32>?

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, high: Int, low: Int, hasFlags: Bool,
        from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedSplit(configuration, schema, from: reader) { split throws(KuklaError) in
            let parts = try reader.fact("parts", count: 1)[0]
            guard parts > 0, schema.width.isMultiple(of: parts) else {
                throw reader.bad("its vectors have \(parts) parts")
            }
            let sizes = Sizes(schema, fields: split.compressed, parts: parts, rows: high)
            let count = sizes.ids.rowCount
            let flags: AlignedStorage<Int32>? =
                hasFlags ? try reader.array("flags", shape: [count]).storage : nil
            let frequent = flags?.buffer.count { $0 >= 0 } ?? count
            if let flags {
                // Each number at most what there is of its kind.
                guard flags.buffer.allSatisfy({ $0 >= 0 ? Int($0) < frequent : Int(~$0) < count - frequent })
                else {
                    throw reader.bad("\"flags\" names codes that are not there")
                }
            }
            func packed(_ name: String, _ ids: Int, _ rows: Int) throws(KuklaError) -> PackedCodes {
                let bits = CodePlan.bits(rows)
                let bytes: AlignedStorage<UInt8> = try reader.array(
                    name, shape: [PackedCodes.byteCount(ids * parts, bits: bits)]
                ).storage
                let codes = PackedCodes(bits: bits, count: ids * parts, bytes: bytes)
                guard rows == 1 << bits || (0..<codes.count).allSatisfy({ codes[$0] < rows }) else {
                    throw reader.bad("\"\(name)\" has codes beyond the \(rows) rows of a codebook")
                }
                return codes
            }
            return ServedCodes(
                plan: sizes,
                codebooks: try reader.array("codebooks", shape: sizes.bookShape.map { $0 }).storage,
                high: try packed("codes", frequent, high),
                low: hasFlags
                    ? try packed("codes_low", count - frequent, low)
                    : PackedCodes([], bits: CodePlan.bits(low)), flags: flags)
        }
    }

    var arrays: [TableArray] {
        [
            TableArray("codebooks", plan.bookShape, codebooks),
            TableArray("codes", [high.bytes.buffer.count], high.bytes),
        ]
            + (flags.map {
                [
                    TableArray("codes_low", [low.bytes.buffer.count], low.bytes),
                    TableArray("flags", [plan.ids.rowCount], $0),
                ]
            } ?? [])
    }
    var facts: [String: [Int]] { ["parts": [plan.parts]] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let row = Int(plan.ids.row(field: field, id: id, lookup: 0))
        guard row >= 0, let place = plan.places[field] else {
            out.update(repeating: 0, count: plan.width)
            return
        }
        let flag = flags.map { Int($0.pointer[row]) } ?? row
        let (codes, first) = flag >= 0 ? (high, flag * plan.parts) : (low, ~flag * plan.parts)
        let width = plan.width / plan.parts
        for part in 0..<plan.parts {
            let entry = (place * plan.parts + part) * plan.rows + codes[first + part]
            (out + part * width).update(from: codebooks.pointer + entry * width, count: width)
        }
    }
}
