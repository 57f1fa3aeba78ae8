import ArgumentParser
import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// What becomes of texts with the id of another.
enum DuplicateRule: String, CaseIterable, ExpressibleByArgument {
    case reject, replace
}

/// Where the items of a collection come from besides their vectors.
struct ItemOptions: ParsableArguments {
    @Option(help: "The texts that the vectors were made from, row by row.")
    var texts: String?

    @OptionGroup var reading: TextOptionGroup

    @Option(
        help:
            "What becomes of an id that is there already: reject stops and names it, replace keeps the last item of that id."
    )
    var duplicates = DuplicateRule.reject

    /// All ids of the texts, with the row that has each last; empty without texts or ids.
    ///
    /// - Throws: `KuklaError.usage` for standard input, which cannot be read twice.
    func lastRows() throws(KuklaError) -> [String: Int] {
        guard let texts else { return [:] }
        guard texts != "-" else {
            throw KuklaError(
                .usage, "--duplicates replace reads the texts twice: give a file in place of standard input.")
        }
        var rows: [String: Int] = [:]
        var row = 0
        let reader = try reading.reader(texts)
        while let record = try reader.next() {
            if let id = record.id { rows[id] = row }
            row += 1
        }
        return rows
    }

    /// The ids of `records`, of which all have one or none has.
    ///
    /// - Parameter areNamed: whether those before had ids.
    func names(
        of records: [TextRecord], areNamed: inout Bool?, firstRow: Int
    ) throws(KuklaError) -> [ItemID]? {
        var all: [ItemID] = []
        for (row, record) in records.enumerated() {
            let expected = areNamed ?? (record.id != nil)
            areNamed = expected
            guard expected == (record.id != nil) else {
                throw KuklaError(
                    .badData,
                    "\(texts ?? "") has ids for some texts only: text \(firstRow + row) has \(expected ? "none" : "one"), unlike those before it. Give all of them ids, or name a field that they have with --id-column."
                )
            }
            if let id = record.id { all.append(.text(id)) }
        }
        return all.isEmpty ? nil : all
    }
}

/// Vectors with the names and texts of what they were made from, chunk by chunk.
struct ItemReader {
    struct Chunk {
        var vectors: Matrix
        var ids: [ItemID]?
        var texts: [String]?
        /// Rows that were read, those left out among them.
        var rowsRead: Int
    }

    let source: URL
    private let options: ItemOptions
    private let vectors: any VectorReader
    private let records: TextReader?
    /// The row to keep of each id, where an id may stand twice.
    let lastRows: [String: Int]?
    /// All vectors, where they come in one chunk.
    private var whole: Matrix?
    private let isWhole: Bool
    private var rows = 0
    private var areNamed: Bool?

    /// - Parameter isWhole: whether all comes in one chunk.
    init(_ source: URL, _ options: ItemOptions, isWhole: Bool = false) throws {
        self.source = source
        self.options = options
        vectors = try VectorFile.open(source)
        records = try options.texts.map { try options.reading.reader($0) }
        lastRows = options.duplicates == .replace ? try options.lastRows() : nil
        self.isWhole = isWhole
        whole = isWhole ? try VectorFile.readAll(source) : nil
    }

    /// The next items; `nil` after the last.
    ///
    /// - Throws: `KuklaError`, also where there are fewer or more texts than vectors.
    mutating func next() throws -> Chunk? {
        guard let chunk = try isWhole ? whole.take() : vectors.next(maxRows: 16_384) else {
            if let extra = try records?.next() {
                throw KuklaError(
                    .badData,
                    "\(options.texts ?? "") holds more texts than \(source.path) has vectors (\(rows)); the first too many is '\(extra.text.prefix(60))'."
                )
            }
            return nil
        }
        defer { rows += chunk.rows }
        guard let found = try records?.chunk(of: chunk.rows).records else {
            return Chunk(vectors: chunk, ids: nil, texts: nil, rowsRead: chunk.rows)
        }
        guard found.count == chunk.rows else {
            throw KuklaError(
                .badData,
                "\(options.texts ?? "") holds \(rows + found.count) texts, but \(source.path) has more vectors: give the texts that the vectors were made from, in the same order."
            )
        }
        let names = try options.names(of: found, areNamed: &areNamed, firstRow: rows)
        let kept = found.indices.filter { row in
            guard let id = found[row].id, let last = lastRows?[id] else { return true }
            return last == rows + row
        }
        guard kept.count < found.count else {
            return Chunk(vectors: chunk, ids: names, texts: found.map(\.text), rowsRead: chunk.rows)
        }
        return Chunk(
            vectors: chunk.gathering(rows: kept), ids: names.map { names in kept.map { names[$0] } },
            texts: kept.map { found[$0].text }, rowsRead: chunk.rows)
    }
}
