import KuklaFormats
import KuklaNumerics
import KuklaTables
import NIOCore

/// What `POST /rank` is asked.
struct RankBody {
    /// Rows that one request may have.
    static let maximumRows = 4096

    private(set) var model: String?
    private(set) var rows: [[String: ColumnValue]] = []
    private(set) var history: [Event] = []

    /// Something that happened before: columns by name, or the one value of a history of one column.
    enum Event {
        case columns([String: ColumnValue])
        case value(ColumnValue)
    }

    /// - Throws: `APIFailure.invalidRequest` that names the member at fault.
    init(_ body: ByteBuffer) throws(APIFailure) {
        var (model, rows, history) = (nil as String?, nil as [[String: ColumnValue]]?, [Event]())
        try RequestMembers.parse(body) { (key, scanner) throws(JSONFault) in
            switch key {
            case "model": model = try scanner.optional { (s) throws(JSONFault) in try s.string() }
            case "rows": rows = try Self.rows(&scanner)
            case "history":
                try scanner.array { (scanner) throws(JSONFault) in
                    history.append(
                        scanner.peek() == UInt8(ascii: "{")
                            ? .columns(try scanner.columns()) : .value(try scanner.columnValue()))
                }
            default: return false
            }
            return true
        }
        self.model = model
        self.rows = try RequestMembers.need(rows, "rows")
        self.history = history
        guard !self.rows.isEmpty else {
            throw APIFailure(
                .invalidRequest, "There is no row in 'rows': give one or more.", code: "invalid_value",
                parameter: "rows")
        }
    }

    private static func rows(_ scanner: inout JSONScanner) throws(JSONFault) -> [[String: ColumnValue]] {
        guard scanner.peek() == UInt8(ascii: "[") else { return [try scanner.columns()] }
        var rows: [[String: ColumnValue]] = []
        try scanner.array { (scanner) throws(JSONFault) in
            guard rows.count < maximumRows else {
                throw scanner.fault("there are more than the \(maximumRows) rows of one request")
            }
            do throws(JSONFault) { rows.append(try scanner.columns()) } catch {
                throw scanner.fault("row \(rows.count): \(error.what)")
            }
        }
        return rows
    }
}

extension JSONScanner {
    /// The next value, an object of columns.
    fileprivate mutating func columns() throws(JSONFault) -> [String: ColumnValue] {
        var columns: [String: ColumnValue] = [:]
        try object { (key, scanner) throws(JSONFault) in
            do throws(JSONFault) { columns[key] = try scanner.columnValue() } catch {
                throw scanner.fault("the column \"\(key.prefix(80))\": \(error.what)")
            }
        }
        return columns
    }

    /// The next value, of a column: a text or a number as it is written, null for a missing value, or an array of texts and numbers.
    fileprivate mutating func columnValue() throws(JSONFault) -> ColumnValue {
        switch peek() {
        case UInt8(ascii: "n"):
            try skip()
            return .missing
        case UInt8(ascii: "["):
            var values: [String] = []
            try array { (scanner) throws(JSONFault) in values.append(try scanner.columnText()) }
            return .list(values)
        default: return .text(try columnText())
        }
    }

    private mutating func columnText() throws(JSONFault) -> String {
        guard let first = peek() else { throw fault("a value is missing") }
        if first == UInt8(ascii: "\"") { return try string() }
        guard first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            throw fault("expected a text or a number")
        }
        let start = position
        try skip()
        return text(from: start)
    }

}
