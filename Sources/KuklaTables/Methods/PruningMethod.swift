import KuklaNumerics

/// A method that trains a float row for each id and serves the largest weights only.
///
/// What it serves and what that takes is the same for all of them (`ServedSparse`); they differ in how they find the weights.
protocol PruningMethod: TableMethod {
    /// A new table of which `kept` weights are served.
    static func table(
        _ configuration: TableConfiguration, _ schema: TableSchema, kept: Int, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable
}

extension PruningMethod {
    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * ServedSparse.words(keeping: 1, of: schema)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        try table(configuration, schema, kept: ServedSparse.kept(within: budget, of: schema), seed: seed)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedSparse(configuration, schema, from: reader)
    }
}
