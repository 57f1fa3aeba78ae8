import KuklaNumerics
import KuklaTensor

/// Truncated singular value decomposition of each field: rows `U S` of width `d_f`, and the first `d_f` right singular vectors as the projection.
///
/// Widths are chosen over all fields: the next direction is that of the most squared error for its floats.
extension MixedDimensions: FixedTableMethod {
    /// One direction of each field.
    static func fixedFloor(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> Int {
        4 * schema.fields.reduce(0) { $0 + min($1.count * schema.width, $1.count + schema.width) }
    }

    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        let fields = schema.split(vectors)
        var directions: [PrincipalDirections] = []
        for field in fields { directions.append(try PrincipalDirections(of: field)) }
        let widths = bestWidths(schema, directions.map(\.energies), limit: (budget ?? .max) / 4)
        return ServedProjections(
            configuration: configuration, schema: schema.bare,
            fields: fields.indices.map { i in
                let (count, width) = (schema.fields[i].count, widths[i])
                guard width < schema.width else {
                    return ServedProjections.Field(
                        count: count, width: width, rows: fields[i].sharedStorage, projection: nil, bias: nil)
                }
                let projection = directions[i].leading(width)
                return ServedProjections.Field(
                    count: count, width: width,
                    rows: fields[i].matmul(projection, transposingOther: true).sharedStorage,
                    projection: projection.sharedStorage, bias: nil)
            })
    }

    /// The width of each field at which the error is least, nearly: from one direction each, the one with the most energy a float is added
    /// while it fits. All directions of a field need no projection.
    static func bestWidths(_ schema: TableSchema, _ energies: [[Double]], limit: Int) -> [Int] {
        let width = schema.width
        func floats(_ field: Int, _ directions: Int) -> Int {
            let count = schema.fields[field].count
            return directions == width ? count * width : directions * (count + width)
        }
        /// The next width that is worth its floats: one further, or all where that takes no more.
        func next(_ field: Int, after directions: Int) -> Int {
            let one = directions + 1
            return one < width && floats(field, one) < floats(field, width) ? one : width
        }
        var widths = schema.fields.indices.map { next($0, after: 0) }
        var left = limit - schema.fields.indices.reduce(0) { $0 + floats($1, widths[$1]) }
        while true {
            var best: (field: Int, width: Int, cost: Int, gain: Double)?
            for field in schema.fields.indices where widths[field] < width {
                let wider = next(field, after: widths[field])
                let cost = floats(field, wider) - floats(field, widths[field])
                guard cost <= left else { continue }
                let gain = energies[field][widths[field]..<wider].reduce(0, +) / Double(max(cost, 1))
                if gain > best?.gain ?? -1 { best = (field, wider, cost, gain) }
            }
            guard let best else { return widths }
            widths[best.field] = best.width
            left -= best.cost
        }
    }
}
