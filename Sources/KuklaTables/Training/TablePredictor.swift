public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaTensor

/// Probabilities of clicks by a trained model.
public struct TablePredictor: Sendable {
    public let model: ClickModelFolder

    public init(_ model: ClickModelFolder) { self.model = model }

    /// Opens a model folder.
    public init(_ folder: URL) throws(KuklaError) { model = try ClickModelFolder(folder) }

    /// The probability for one example, whose columns are given as texts, lists parted as in the schema.
    ///
    /// A value that training never saw is no error. A missing column counts as an empty text.
    /// - Parameter history: events for a schema that makes histories from rows: each one text for each of its items.
    /// - Throws: `KuklaError(.badData)` for a numeric column that is no number, `usage` for an event of another length.
    public func probability(
        _ columns: [String: String], history: [[String]] = []
    ) throws(KuklaError) -> Float {
        TablePredictor.probability(ofLogit: model.scorer.logits(try batch([columns], history: history)).item)
    }

    /// The probabilities of several candidates that share a history: one map of columns for each.
    public func probabilities(
        _ candidates: [[String: String]], history: [[String]] = []
    ) throws(KuklaError) -> [Float] {
        model.scorer.logits(try batch(candidates, history: history)).elements.map {
            TablePredictor.probability(ofLogit: $0)
        }
    }

    /// The probability that a logit stands for.
    public static func probability(ofLogit logit: Float) -> Float { 1 / (1 + exp(-logit)) }

    private func batch(
        _ examples: [[String: String]], history: [[String]]
    ) throws(KuklaError) -> ExampleBatch {
        let schema = model.schema
        var ids: [Int32] = []
        var numbers: [Float] = []
        var lists = schema.sequences.map { _ in (ids: [Int32](), offsets: [Int32(0)]) }
        for example in examples {
            for (field, column) in schema.categorical.enumerated() {
                ids.append(model.vocabularies[field].id(of: example[column.column] ?? ""))
            }
            for i in schema.numeric.indices {
                numbers.append(try number(i, example[schema.numeric[i].column] ?? ""))
            }
            var own = schema.categorical.count
            for (i, sequence) in schema.sequences.enumerated() {
                let field = sequence.field.flatMap { schema.field($0) } ?? own
                if sequence.field == nil { own += 1 }
                let parts = (example[sequence.column] ?? "").components(separatedBy: sequence.separator)
                    .filter { !$0.isEmpty }
                for part in parts.suffix(sequence.last) {
                    lists[i].ids.append(model.vocabularies[field].id(of: part))
                }
                lists[i].offsets.append(Int32(lists[i].ids.count))
            }
        }
        var ragged = listFields.enumerated().map { i, fields in
            ExampleBatch.RaggedIDs(fields: fields, ids: lists[i].ids, offsets: lists[i].offsets)
        }
        if let rule = schema.history { ragged.append(try events(rule, history, rows: examples.count)) }
        return ExampleBatch(
            count: examples.count, ids: ids,
            numbers: schema.numeric.isEmpty
                ? nil : Tensor(shape: [examples.count, schema.numeric.count], elements: numbers),
            labels: .zeros([examples.count]), lists: ragged)
    }

    // The field of each sequence.
    private var listFields: [[Int]] {
        var own = model.schema.categorical.count
        return model.schema.sequences.map { sequence in
            if let name = sequence.field, let field = model.schema.field(name) { return [field] }
            own += 1
            return [own - 1]
        }
    }

    private func events(
        _ rule: DataSchema.History, _ history: [[String]], rows: Int
    ) throws(KuklaError) -> ExampleBatch.RaggedIDs {
        let fields = rule.items.map { model.schema.field($0) ?? 0 }
        var ids: [Int32] = []
        let kept = history.suffix(rule.last)
        for event in kept {
            guard event.count == fields.count else {
                throw KuklaError(
                    .usage,
                    "Cannot score: an event of the history has \(event.count) values, expected \(fields.count) (\(rule.items.joined(separator: ", ")))."
                )
            }
            for (field, value) in zip(fields, event) { ids.append(model.vocabularies[field].id(of: value)) }
        }
        let all = (0..<rows).flatMap { _ in ids }
        return ExampleBatch.RaggedIDs(
            fields: fields, ids: all, offsets: (0...rows).map { Int32($0 * kept.count) })
    }

    private func number(_ column: Int, _ text: String) throws(KuklaError) -> Float {
        guard !model.schema.missing.contains(text) else { return 0 }
        var text = text
        guard let number = text.withUTF8({ DecimalText.number(UnsafeRawBufferPointer($0)) }) else {
            throw KuklaError(
                .badData,
                "Cannot score: the numeric column \"\(model.schema.numeric[column].column)\" is \"\(text)\", expected a number."
            )
        }
        let value = Float(model.schema.numeric[column].transform.applied(to: number))
        return (value - model.scales[column].mean) / model.scales[column].deviation
    }
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
