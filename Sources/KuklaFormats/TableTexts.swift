import KuklaNumerics

/// Texts in a column of a CSV or TSV table.
final class TableTexts: TextRecordSource {
    private let table: DelimitedReader
    private let textColumn: Int
    private let idColumn: Int?
    /// The first record, where it is data.
    private var isFirstPending: Bool

    /// Column names that mean the text, best first.
    static let textNames = [
        "text", "sentence", "content", "body", "description", "document", "passage", "query", "title",
    ]
    static let idNames = ["_id", "id", "doc_id", "docid", "query_id", "qid", "pid"]

    init(_ table: DelimitedReader, _ options: TextOptions) throws(KuklaError) {
        self.table = table
        guard try table.next() else {
            textColumn = 0
            idColumn = nil
            isFirstPending = false
            return
        }
        let first = try table.fields()
        let names = first.map { $0.lowercased() }
        let hasKnownName = names.contains { Self.textNames.contains($0) || Self.idNames.contains($0) }
        let wantsName = [options.textColumn, options.idColumn].contains { $0 != nil && Int($0!) == nil }
        let hasHeader = options.hasHeader ?? (wantsName || hasKnownName)
        isFirstPending = !hasHeader

        func index(of column: String) throws(KuklaError) -> Int {
            if hasHeader, let index = first.firstIndex(of: column) { return index }
            if let number = Int(column), (1...first.count).contains(number) { return number - 1 }
            let known =
                hasHeader ? "it has " + first.joined(separator: ", ") : "it has \(first.count) columns"
            throw KuklaError(.usage, "Cannot find the column \"\(column)\" in \(table.name): \(known).")
        }

        if let column = options.idColumn {
            idColumn = try index(of: column)
        } else if hasHeader {
            idColumn = Self.idNames.lazy.compactMap { names.firstIndex(of: $0) }.first
        } else {
            idColumn = options.textColumn == nil && first.count == 2 ? 0 : nil
        }
        if let column = options.textColumn {
            textColumn = try index(of: column)
        } else if hasHeader, let known = Self.textNames.lazy.compactMap({ names.firstIndex(of: $0) }).first {
            textColumn = known
        } else if first.count <= 2 {
            textColumn = first.count - 1
        } else {
            throw KuklaError(
                .usage,
                "Cannot tell which of the \(first.count) columns of \(table.name) holds the text; name it or give "
                    + "its number.")
        }
    }

    func next() throws(KuklaError) -> TextRecord? {
        if isFirstPending {
            isFirstPending = false
        } else if try !table.next() {
            return nil
        }
        let needed = max(textColumn, idColumn ?? 0)
        guard table.fieldCount > needed else {
            throw table.failure("it has \(table.fieldCount) columns where column \(needed + 1) is wanted")
        }
        let id: String? = if let idColumn { try table.field(idColumn) } else { nil }
        return TextRecord(id: id, text: try table.field(textColumn))
    }
}
