import Foundation
public import KuklaNumerics
import KuklaTensor

/// A method that can also store vectors that are trained already, without training further: compression after training.
protocol FixedTableMethod: TableMethod {
    /// The fewest bytes that trained vectors can be stored in.
    static func fixedFloor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError)
        -> Int

    /// Sizes in bytes between that floor and no compression, of which each may give another table; the method is tried at all of them where bytes are
    /// shared out.
    static func fixedSizes(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError)
        -> [Int]

    /// The table that stores `vectors` within `budget` bytes, which are no fewer than that floor.
    ///
    /// - Parameter vectors: `[N, d]`: the vectors of all ids, field after field.
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable
}

extension FixedTableMethod {
    static func fixedFloor(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> Int {
        try floor(configuration, schema)
    }

    /// In equal ratios.
    static func fixedSizes(
        _ configuration: TableConfiguration, _ schema: TableSchema
    ) throws(KuklaError) -> [Int] {
        let (floor, steps) = (Double(try fixedFloor(configuration, schema)), 16)
        let ratio = max(1, Double(schema.denseByteCount) / floor)
        return (0...steps).map { Int((floor * pow(ratio, Double($0) / Double(steps))).rounded()) }
    }
}

extension TableConfiguration {
    /// The words of the methods that `compress` knows.
    public static var fixedMethodWords: [String] {
        TableMethods.all.filter { $0 is any FixedTableMethod.Type }.map { $0.word }
    }

    /// A table of this kind that stores the vectors of a trained one, of ids that it knows.
    ///
    /// - Parameter budget: bytes that it may take; nil: no limit, and the method's least compression.
    /// - Throws: `KuklaError(.usage)` for a method whose rows only training can fill (and lists the others), a budget below
    ///   the floor, or a table that gives fields several rows.
    public func compress(
        _ table: any ServedTable, budget: Int? = nil, seed: UInt64 = 1
    ) throws(KuklaError) -> any ServedTable {
        let schema = table.schema
        guard table.widths.allSatisfy({ $0 == schema.width }) else {
            throw KuklaError(
                .usage,
                "Cannot make the table '\(self)' of '\(table.configuration)': its fields have vectors of \(table.widths) components, expected \(schema.width) of each."
            )
        }
        return try compress(
            { .concatenated(schema.fields.indices.map { Tensor(table.dense(field: $0)) }) }, schema, budget,
            seed)
    }

    /// A table of this kind that stores the rows of a matrix: its one field, whose ids are their numbers.
    ///
    /// - Throws: as for a trained table; `badData` for a matrix without numbers.
    public func compress(
        _ matrix: Matrix, budget: Int? = nil, seed: UInt64 = 1
    ) throws(KuklaError) -> any ServedTable {
        guard matrix.rows > 0, matrix.columns > 0 else {
            throw KuklaError(
                .badData,
                "Cannot make the table '\(self)' of a matrix of \(matrix.rows) x \(matrix.columns): there is nothing to store."
            )
        }
        let field = TableField(name: "row", count: matrix.rows)
        return try compress(
            { Tensor(matrix) }, TableSchema(fields: [field], width: matrix.columns), budget, seed)
    }

    private func compress(
        _ vectors: () -> Tensor, _ schema: TableSchema, _ budget: Int?, _ seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        guard let method = method as? any FixedTableMethod.Type else {
            throw KuklaError(
                .usage,
                "Cannot make the table '\(self)' of trained vectors: its rows are found by training only. After training there are "
                    + "\(TableConfiguration.fixedMethodWords.joined(separator: ", ")).")
        }
        if let budget { try check(budget, floor: method.fixedFloor(self, schema), for: schema) }
        return try method.compress(vectors(), self, schema, budget: budget, seed: seed)
    }
}

extension TableSchema {
    /// The rows of each field in a matrix of all ids.
    func split(_ vectors: Tensor) -> [Tensor] {
        zip(offsets, fields).map { vectors.slice(axis: 0, $0..<$0 + $1.count) }
    }
}

extension ServedTable {
    /// How far the vectors of all ids are from those of another table of the same fields: the sum of squared differences of all components
    /// over the sum of the other's squares.
    public func relativeError(to other: any ServedTable) -> Double {
        var total = SquaredDifference()
        for field in schema.fields.indices { total.add(dense(field: field), other.dense(field: field)) }
        return total.relative
    }

    /// The same for the rows of a matrix, of a table that stores them.
    public func relativeError(to matrix: Matrix) -> Double {
        var total = SquaredDifference()
        total.add(dense(field: 0), matrix)
        return total.relative
    }
}

/// Differences between stored vectors and those that they stand for.
struct SquaredDifference {
    /// The sum of their squares.
    private(set) var error = 0.0
    private var energy = 0.0

    mutating func add(_ own: Matrix, _ other: Matrix) {
        own.withUnsafeBufferPointer { own in
            other.withUnsafeBufferPointer { others in
                for (a, b) in zip(own, others) {
                    error += Double(a - b) * Double(a - b)
                    energy += Double(b) * Double(b)
                }
            }
        }
    }

    var relative: Double { energy > 0 ? error / energy : error }
}
