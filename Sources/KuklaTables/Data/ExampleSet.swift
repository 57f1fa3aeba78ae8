public import Foundation
public import KuklaNumerics

/// A table that was read: its rows as numbers, and what the numbers mean.
public struct ExampleSet: Sendable {
    public let schema: DataSchema
    public let store: ExampleStore
    /// One for each field of the schema.
    public let vocabularies: [IDVocabulary]
    /// One for each numeric column.
    public let scales: [NumericScale]
    public let summary: Summary

    /// What reading found.
    public struct Summary: Sendable, Encodable {
        /// Rows of the files, bad ones included.
        public var rows = 0
        /// Rows that are examples.
        public var examples = 0
        /// Rows whose label says nothing: neither rule took them.
        public var leftOut = 0
        /// Rows that could not be read, and the first of them.
        public var badRows = 0
        public var firstBadRow: String?
        public var training = 0
        public var validation = 0
        public var test = 0
        /// Examples with a positive label.
        public var positives = 0
    }

    /// How a table is read.
    public struct Options: Sendable {
        /// Rows that may be bad; the next one stops the reading.
        public var maximumBadRows: Int
        /// Rows that are read; nil: all.
        public var maximumRows: Int?
        /// Bytes of one kind of column (all ids, all numbers) from which on it lies in a temporary file, not in memory.
        public var spillAfter: Int
        public var progress: any ProgressReporter

        public init(
            maximumBadRows: Int = 0, maximumRows: Int? = nil, spillAfter: Int = 1 << 30,
            progress: any ProgressReporter = SilentProgress()
        ) {
            self.maximumBadRows = maximumBadRows
            self.maximumRows = maximumRows
            self.spillAfter = spillAfter
            self.progress = progress
        }
    }

    /// A file, and what its rows are for; nil: by the schema's split.
    public struct File: Sendable {
        public var url: URL
        public var part: ExamplePart?

        public init(_ url: URL, part: ExamplePart? = nil) {
            self.url = url
            self.part = part
        }
    }
}

extension ExampleSet {
    /// Reads tables to train on, each once, from front to back; what is kept are the encoded rows, large columns in temporary files.
    ///
    /// - Throws: `KuklaError`: a column that is not there (with the nearest), more bad rows than allowed (with the line), a
    ///   categorical column of fractions, no rows to train on.
    public init(_ files: [File], schema: DataSchema, options: Options = Options()) throws(KuklaError) {
        let encoder = ExampleEncoder(schema, spillAfter: options.spillAfter)
        var summary = Summary()
        var sides: [SideTable] = []
        for join in schema.joins { sides.append(try SideTable(join)) }
        for file in files {
            let reader = try ExampleReader(
                file.url, schema: schema, sides: sides, encoder: encoder, isForUse: false)
            options.progress.begin(
                "Reading \(file.url.lastPathComponent)", total: reader.byteCount, unit: "bytes")
            defer { options.progress.end() }
            while try reader.read(
                1 << 14, part: file.part, options: options, summary: &summary)
            {}
        }
        if let reason = encoder.fractionalCategory() {
            throw KuklaError(.badData, "Cannot read \(files.first?.url.path ?? "the table"): \(reason).")
        }
        summary.rows = encoder.seen
        summary.leftOut = encoder.leftOut
        if schema.split.rule == .time, files.allSatisfy({ $0.part == nil }) { encoder.splitByTime() }
        let finished = encoder.finish()
        store = finished.store
        vocabularies = finished.vocabularies
        scales = finished.scales
        self.schema = schema
        summary.examples = store.count
        for row in 0..<store.count {
            switch store.parts.pointer[row] {
            case ExamplePart.training.rawValue: summary.training += 1
            case ExamplePart.validation.rawValue: summary.validation += 1
            default: summary.test += 1
            }
            if store.labels.pointer[row] > 0 { summary.positives += 1 }
        }
        self.summary = summary
        guard summary.training > 0 else {
            throw KuklaError(
                .badData,
                "Cannot train on \(files.map(\.url.lastPathComponent).joined(separator: ", ")): of \(summary.rows) rows none "
                    + "is to train on (\(summary.leftOut) have a label that says nothing, \(summary.badRows) are bad)."
            )
        }
    }
}

/// Feeds the rows of one file to an encoder.
final class ExampleReader {
    private let reader: TableRowReader
    private let plan: RowPlan
    private let encoder: ExampleEncoder
    private var lines: [Int]

    init(
        _ url: URL, schema: DataSchema, sides: [SideTable], encoder: ExampleEncoder, isForUse: Bool
    ) throws(KuklaError) {
        reader = try TableRowReader(url, separator: schema.separator, columns: schema.columns)
        plan = try RowPlan(
            schema, columns: reader.columns, file: url.path, sides: sides, isForUse: isForUse)
        self.encoder = encoder
        lines = sides.map { _ in 0 }
        encoder.hasLabels = encoder.hasLabels && plan.label != nil
    }

    /// Bytes in all, where that is known.
    var byteCount: Int? { reader.size }

    /// Reads at most `count` further rows; false at the end.
    func read(
        _ count: Int, part: ExamplePart?, options: ExampleSet.Options, summary: inout ExampleSet.Summary
    ) throws(KuklaError) -> Bool {
        let start = reader.position
        defer { options.progress.advance(by: reader.position - start) }
        for _ in 0..<count {
            if let maximum = options.maximumRows, encoder.seen >= maximum { return false }
            var reason: String?
            guard
                try reader.next({ row throws(KuklaError) in
                    reason = take(row, part)
                })
            else { return false }
            if encoder.isProbed, let fault = encoder.fractionalCategory() {
                throw KuklaError(.badData, "Cannot read \(reader.name): \(fault).")
            }
            guard let reason else { continue }
            summary.badRows += 1
            if summary.firstBadRow == nil { summary.firstBadRow = "line \(reader.lineNumber): \(reason)" }
            guard summary.badRows <= options.maximumBadRows else {
                let allowance =
                    options.maximumBadRows > 0
                    ? "; it is bad row \(summary.badRows), and \(options.maximumBadRows) were allowed" : ""
                throw reader.failure(reason + allowance)
            }
        }
        return true
    }

    private func take(_ row: TableRow, _ part: ExamplePart?) -> String? {
        guard row.count == plan.width else {
            return "\(row.count) columns, expected \(plan.width)"
        }
        for (i, side) in plan.sides.enumerated() {
            let key = row.bytes(side.key)
            guard let line = side.table.find(key) else {
                return
                    "\"\(String(decoding: key.prefix(60), as: UTF8.self))\" is no \(side.table.key) of \(side.table.name)"
            }
            lines[i] = line
        }
        return encoder.append(JoinedRow(plan: plan, row: row, lines: lines), part: part)
    }
}
