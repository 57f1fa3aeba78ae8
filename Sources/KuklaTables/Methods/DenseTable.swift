import KuklaNumerics

/// A float row for each id: what the others are compared with. `4 N d` bytes.
enum DenseTable: TableMethod {
    static let word = "dense"
    static let summary = "a float row for each id; no compression"
    static let options: [TableOption] = []

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        schema.denseByteCount
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        AddressedTable(
            configuration, schema, RowPerId(schema.fields.map(\.count)), bound: schema.initialBound,
            seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedRows(configuration, schema, RowPerId(schema.fields.map(\.count)), from: reader)
    }
}
