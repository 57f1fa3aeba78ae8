import KuklaNumerics
import KuklaTensor

/// Ids of each field in groups by the length of their trained vectors, each group stored by another method on its own: magnitude-grouped
/// product quantization and singular value decomposition.
///
/// Long vectors cost most where they are wrong. Groups are of equal numbers of ids, longest vectors first; a field of fewer ids than groups is all in
/// the first. Every group is compressed at several sizes, and bytes go where one of them saves the most squared error. *Memory:* that of the groups,
/// and N words: the rank of each id within its field. An id that was never seen is zeros.
///
/// *Source:* Zhang, Zhao, Miao et al. 2024, "Experimental analysis of large-scale learnable vector storage compression", VLDB, arXiv:2311.15578 (its
/// comparison of fixed matrices).
enum MagnitudeGroups: FixedTableMethod {
    static let word = "magnitude"
    static let summary =
        "ids in groups by their vectors' lengths, each stored by another method; after training only"
    static let options = [
        TableOption("of", "mde", .choice(["mde", "dpq"]), "the method that stores a group"),
        TableOption("groups", "4", .integer(2...64), "groups of a field"),
        TableOption("codes", "32", .integer(16...256), "rows of a codebook of dpq"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        let inner = inner(configuration)
        var floor = 4 * schema.idCount
        for group in layout(configuration, schema).schemas {
            floor += try inner.method.fixedFloor(inner.configuration, group)
        }
        return floor
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        throw KuklaError(
            .usage,
            "Cannot train the table '\(configuration)': its groups are by the lengths of vectors that are trained already. Train another, 'dense' for "
                + "instance, and store it so by `kukla tables compress`.")
    }

    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        let (inner, layout) = (inner(configuration), layout(configuration, schema))
        let (ranks, groups) = layout.sorted(vectors)
        var ladders: [SizeLadder] = []
        for (rows, group) in zip(groups, layout.schemas) {
            var ladder = SizeLadder()
            let sizes = budget == nil ? [Int.max] : try inner.method.fixedSizes(inner.configuration, group)
            for size in sizes.sorted() {
                ladder.add(
                    try inner.method.compress(
                        rows, inner.configuration, group, budget: size, seed: seed), of: rows)
            }
            ladders.append(ladder)
        }
        return ServedMagnitudeGroups(
            configuration: configuration, schema: schema.bare, layout: layout, ranks: AlignedStorage(ranks),
            groups: SizeLadder.best(ladders, within: (budget ?? .max) - 4 * schema.idCount))
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let (inner, layout) = (inner(configuration), layout(configuration, schema))
        let ranks: AlignedStorage<Int32> = try reader.array("ranks", shape: [schema.idCount]).storage
        for (first, field) in zip(schema.offsets, schema.fields) {
            guard
                ranks.buffer[first..<first + field.count].allSatisfy({ (0..<Int32(field.count)).contains($0) }
                )
            else {
                throw reader.bad(
                    "\"ranks\" of the field '\(field.name)' are not below its \(field.count) ids")
            }
        }
        var groups: [any ServedTable] = []
        for (i, group) in layout.schemas.enumerated() {
            groups.append(
                try inner.method.load(inner.configuration, group, from: reader.part(prefix(ofGroup: i))))
        }
        return ServedMagnitudeGroups(
            configuration: configuration, schema: schema, layout: layout, ranks: ranks, groups: groups)
    }

    static func prefix(ofGroup group: Int) -> String { "group.\(group)." }

    private static func inner(
        _ configuration: TableConfiguration
    ) -> (method: any FixedTableMethod.Type, configuration: TableConfiguration) {
        guard configuration.text("of") == "dpq" else {
            return (MixedDimensions.self, TableConfiguration(word: MixedDimensions.word))
        }
        let codes = TableConfiguration(word: DifferentiableProductCodes.word)
        return (DifferentiableProductCodes.self, codes.setting("codes", to: configuration.text("codes")))
    }

    private static func layout(_ configuration: TableConfiguration, _ schema: TableSchema) -> GroupLayout {
        GroupLayout(schema, groups: configuration.integer("groups") ?? 4)
    }
}

/// Which ranks of which fields make up each group.
struct GroupLayout: Sendable {
    /// Of each group the fields that have ids in it.
    let schemas: [TableSchema]
    /// Where the ids of each field begin among all ids.
    let offsets: [Int]
    /// For each field where its groups begin, and its end.
    private let bounds: [[Int]]
    /// For each group and field the field's number among those of the group.
    private let places: [[Int]]

    init(_ schema: TableSchema, groups: Int) {
        let bounds = schema.fields.map { field in
            field.count < groups ? [0, field.count] : (0...groups).map { $0 * field.count / groups }
        }
        var (schemas, places) = ([TableSchema](), [[Int]]())
        for group in 0..<(bounds.map(\.count).max() ?? 2) - 1 {
            var (fields, place) = ([TableField](), [Int]())
            for (field, bounds) in zip(schema.fields, bounds) {
                place.append(fields.count)
                guard group + 1 < bounds.count else { continue }
                fields.append(TableField(name: field.name, count: bounds[group + 1] - bounds[group]))
            }
            schemas.append(TableSchema(fields: fields, width: schema.width))
            places.append(place)
        }
        offsets = schema.offsets
        (self.schemas, self.bounds, self.places) = (schemas, bounds, places)
    }

    /// Where an id of that rank among its field's is: its group, the field's number in it and the row.
    func place(field: Int, rank: Int) -> (group: Int, field: Int, row: Int) {
        let bounds = bounds[field]
        var group = 0
        while rank >= bounds[group + 1] { group += 1 }
        return (group, places[group][field], rank - bounds[group])
    }

    /// For each id the rank of its vector's length within the field, longest first, and the vectors of each group, field after field.
    ///
    /// - Parameter vectors: `[N, d]`.
    func sorted(_ vectors: Tensor) -> (ranks: [Int32], groups: [Tensor]) {
        let lengths = vectors.square().sum(axes: [1]).elements
        var ranks = [Int32](repeating: 0, count: lengths.count)
        var rows = [[Int32]](repeating: [], count: schemas.count)
        for (field, bounds) in bounds.enumerated() {
            let ids = offsets[field]..<offsets[field + 1]
            let order = ids.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
            for (rank, id) in order.enumerated() { ranks[id] = Int32(rank) }
            for group in 0..<bounds.count - 1 {
                rows[group] += order[bounds[group]..<bounds[group + 1]].map { Int32($0) }
            }
        }
        return (ranks, rows.map { vectors.gathered(rows: $0) })
    }
}

/// One group of ids at several sizes.
struct SizeLadder {
    private struct Step {
        let bytes: Int
        /// The sum of squared differences.
        let error: Double
        let table: any ServedTable
    }

    /// Ascending bytes, descending errors, each saving fewer errors a byte than the one before it.
    private var steps: [Step] = []

    /// - Parameter vectors: of all ids of the table, `[N, d]`.
    mutating func add(_ table: any ServedTable, of vectors: Tensor) {
        var difference = SquaredDifference()
        for (field, rows) in table.schema.split(vectors).enumerated() {
            difference.add(table.dense(field: field), rows.matrix)
        }
        let step = Step(bytes: table.byteCount, error: difference.error, table: table)
        if let last = steps.last, step.bytes <= last.bytes || step.error >= last.error { return }
        // What lies above the line from the step before it to the new one is never worth its bytes.
        while steps.count > 1,
            Self.saving(steps[steps.count - 2], step)
                >= Self.saving(steps[steps.count - 2], steps[steps.count - 1])
        {
            steps.removeLast()
        }
        steps.append(step)
    }

    private static func saving(_ a: Step, _ b: Step) -> Double {
        (a.error - b.error) / Double(b.bytes - a.bytes)
    }

    /// A step of each ladder, together within `budget` bytes: from the lowest ones, the climb that saves the most error a byte is taken as long as it fits.
    static func best(_ ladders: [SizeLadder], within budget: Int) -> [any ServedTable] {
        var taken = [Int](repeating: 0, count: ladders.count)
        var left = budget - ladders.reduce(0) { $0 + $1.steps[0].bytes }
        while true {
            let climbs = ladders.indices.compactMap { i -> (ladder: Int, bytes: Int, saving: Double)? in
                let (steps, at) = (ladders[i].steps, taken[i])
                guard at + 1 < steps.count, steps[at + 1].bytes - steps[at].bytes <= left else { return nil }
                return (i, steps[at + 1].bytes - steps[at].bytes, saving(steps[at], steps[at + 1]))
            }
            guard let climb = climbs.max(by: { $0.saving < $1.saving }) else { break }
            taken[climb.ladder] += 1
            left -= climb.bytes
        }
        return zip(ladders, taken).map { $0.steps[$1].table }
    }
}

/// Groups of ids as they are used.
struct ServedMagnitudeGroups: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let layout: GroupLayout
    /// Of each id within its field.
    let ranks: AlignedStorage<Int32>
    let groups: [any ServedTable]

    var arrays: [TableArray] {
        [TableArray("ranks", [schema.idCount], ranks)]
            + groups.enumerated().flatMap { i, group in
                group.arrays.map { $0.renamed(MagnitudeGroups.prefix(ofGroup: i) + $0.name) }
            }
    }

    var facts: [String: [Int]] {
        var facts: [String: [Int]] = [:]
        for (i, group) in groups.enumerated() {
            for (name, numbers) in group.facts { facts[MagnitudeGroups.prefix(ofGroup: i) + name] = numbers }
        }
        return facts
    }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        guard id >= 0, Int(id) < schema.fields[field].count else {
            out.update(repeating: 0, count: schema.width)
            return
        }
        let place = layout.place(field: field, rank: Int(ranks.pointer[layout.offsets[field] + Int(id)]))
        groups[place.group].write(field: place.field, id: Int32(place.row), to: out)
    }
}
