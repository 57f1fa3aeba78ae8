public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

/// Probabilities of clicks by a trained model.
public struct TablePredictor: Sendable {
    public let model: ClickModelFolder
    private let encoder: RowEncoder

    /// Rows that are computed together: their histories, written out, stay small.
    private static let batchSize = 256

    /// - Throws: `KuklaError` where a file that the schema joins is there and cannot be read. One that is not there is no error: then
    ///   rows have its columns.
    public init(_ model: ClickModelFolder) throws(KuklaError) {
        self.model = model
        var sides: [SideTable] = []
        for join in model.schema.joins where FileManager.default.fileExists(atPath: join.file) {
            sides.append(try SideTable(join))
        }
        encoder = RowEncoder(
            schema: model.schema, vocabularies: model.vocabularies, scales: model.scales, sides: sides)
    }

    /// Opens a model folder.
    public init(_ folder: URL) throws(KuklaError) { try self.init(ClickModelFolder(folder)) }

    /// The probability for one row, whose columns are given by name.
    ///
    /// Every categorical and numeric column must be there, `.missing` where there is no value; lists may be left out. A value that
    /// training never saw is no error.
    /// - Parameter history: events for a schema that makes histories from rows: each the columns that it remembers, oldest first.
    /// - Throws: `KuklaError(.usage)` that names the column at fault, and the nearest that the model has.
    public func probability(
        _ row: [String: ColumnValue], history: [[String: ColumnValue]] = []
    ) throws(KuklaError) -> Float {
        try probabilities([row], history: history)[0]
    }

    /// The probabilities for several rows that share a history.
    public func probabilities(
        _ rows: [[String: ColumnValue]], history: [[String: ColumnValue]] = []
    ) throws(KuklaError) -> [Float] {
        var found: [Float] = []
        for start in stride(from: 0, to: rows.count, by: TablePredictor.batchSize) {
            let some = rows[start..<min(start + TablePredictor.batchSize, rows.count)]
            found += model.scorer.logits(try encoder.batch(some, history: history)).elements.map {
                TablePredictor.probability(ofLogit: $0)
            }
        }
        return found
    }

    /// The probability that a logit stands for.
    public static func probability(ofLogit logit: Float) -> Float { 1 / (1 + exp(-logit)) }
}

// MARK: - Files

extension TablePredictor {
    /// A stretch of a file's rows, scored.
    public struct Scores: Sendable {
        /// One for each row that could be read.
        public let logits: [Float]
        /// Labels, where the file has them; NaN where one says nothing.
        public let labels: [Float]?
        public let users: [Int32]?
    }

    /// Scores the rows of a file of any size, a stretch at a time.
    ///
    /// A schema that makes histories from rows needs all rows first: then there is one stretch.
    /// - Returns: what reading found.
    public func score(
        _ file: URL, options: ExampleSet.Options = ExampleSet.Options(), rowsAtATime: Int = 1 << 16,
        _ body: (Scores) throws(KuklaError) -> Void
    ) throws(KuklaError) -> ExampleSet.Summary {
        let schema = model.schema
        let encoder = ExampleEncoder(schema, known: (model.vocabularies, model.scales))
        var sides: [SideTable] = []
        for join in schema.joins { sides.append(try SideTable(join)) }
        let reader = try ExampleReader(file, schema: schema, sides: sides, encoder: encoder, isForUse: true)
        var summary = ExampleSet.Summary()
        options.progress.begin("Scoring \(file.lastPathComponent)", total: reader.byteCount, unit: "bytes")
        defer { options.progress.end() }
        let stretch = schema.history == nil ? rowsAtATime : Int.max
        var goesOn = true
        while goesOn {
            goesOn = try reader.read(stretch, part: .test, options: options, summary: &summary)
            let store = encoder.takeStore()
            summary.examples += store.count
            guard store.count > 0 else { continue }
            let rows = store.rows(.test)
            try body(
                Scores(
                    logits: model.scorer.logits(store, rows),
                    labels: encoder.hasLabels ? store.labels(of: rows) : nil,
                    users: encoder.hasLabels ? store.users(of: rows) : nil))
        }
        summary.rows = encoder.seen
        summary.leftOut = encoder.leftOut
        return summary
    }
}
