public import KuklaNumerics

/// Reads the records of a CSV or TSV text, one at a time.
///
/// CSV is RFC 4180: fields may stand in quotes, with separators, line ends and doubled quotes inside. TSV has no
/// quotes: a tab always ends a field.
public final class DelimitedReader {
    /// How fields are told apart.
    public enum Dialect: Sendable {
        case csv, tsv
    }

    /// What error messages call the text.
    public var name: String { source.name }
    /// Number of the line on which the current record starts, from 1.
    public private(set) var lineNumber = 0
    /// Fields of the current record.
    public var fieldCount: Int { ends.count }

    private let source: ByteSource
    private let separator: UInt8
    private let allowsQuotes: Bool
    private let maximumLength: Int
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var nextLine = 1
    private var state = State.fieldStart
    /// Whether the record has a field in quotes: then it is no empty line.
    private var hasQuotes = false

    private enum State {
        case fieldStart, bare, quoted, quoteInQuoted, afterQuoted
    }

    /// Reads records of at most `maximumLength` bytes from `source`.
    ///
    /// - Throws: `KuklaError` for UTF-16 text, and for read errors.
    public init(_ source: ByteSource, dialect: Dialect, maximumLength: Int = 1 << 26) throws(KuklaError) {
        self.source = source
        separator = dialect == .csv ? UInt8(ascii: ",") : UInt8(ascii: "\t")
        allowsQuotes = dialect == .csv
        self.maximumLength = maximumLength
        try source.skipByteOrderMark()
    }

    /// Moves to the next record that is not an empty line; false at the end.
    ///
    /// - Throws: `KuklaError` naming the line: quotes that do not end, text after a closing quote, a record over
    ///   the maximum length.
    public func next() throws(KuklaError) -> Bool {
        while true {
            bytes.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
            state = .fieldStart
            hasQuotes = false
            lineNumber = nextLine
            guard try readRecord() else { return false }
            if ends.count > 1 || !bytes.isEmpty || hasQuotes { return true }
        }
    }

    /// A field of the current record.
    ///
    /// - Throws: `KuklaError` naming the line where it is not valid UTF-8.
    public func field(_ index: Int) throws(KuklaError) -> String {
        let start = index == 0 ? 0 : ends[index - 1]
        let valid = bytes.withUnsafeBufferPointer {
            String(validating: UnsafeBufferPointer(rebasing: $0[start..<ends[index]]), as: UTF8.self)
        }
        guard let valid else { throw failure("the line is not valid UTF-8; convert the file to UTF-8") }
        return valid
    }

    /// All fields of the current record.
    public func fields() throws(KuklaError) -> [String] {
        var all: [String] = []
        for index in ends.indices { all.append(try field(index)) }
        return all
    }

    /// The bytes of the current record without separators, not checked for UTF-8, and where each field ends in them; valid
    /// inside `body` only.
    package func withRecord<Result>(_ body: (UnsafeRawBufferPointer, [Int]) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0, ends) }
    }

    /// An error about the current record.
    public func failure(_ what: String) -> KuklaError {
        KuklaError(.badData, "Cannot read \(name), line \(lineNumber): \(what).")
    }

    private func readRecord() throws(KuklaError) -> Bool {
        var isEmpty = true
        while true {
            let window = source.window
            if window.isEmpty {
                if try source.fill() { continue }
                guard !isEmpty else { return false }
                if state == .quoted { throw failure("a quoted field does not end") }
                endRecord()
                return true
            }
            isEmpty = false
            let (used, isComplete) = try take(window)
            source.consume(used)
            guard bytes.count <= maximumLength else {
                throw failure("the record is longer than \(maximumLength) bytes; is a quote left open?")
            }
            if isComplete { return true }
        }
    }

    /// Takes bytes of the record from the front of `window`; tells how many, and whether the record is complete.
    private func take(_ window: UnsafeRawBufferPointer) throws(KuklaError) -> (used: Int, isComplete: Bool) {
        let lineFeed = UInt8(ascii: "\n")
        let quote = UInt8(ascii: "\"")
        var i = 0
        while i < window.count {
            let byte = window[i]
            switch state {
            case .fieldStart where byte == quote && allowsQuotes:
                state = .quoted
                hasQuotes = true
            case .fieldStart, .bare:
                state = .bare
                var end = i
                while end < window.count && window[end] != separator && window[end] != lineFeed { end += 1 }
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: window[i..<end]))
                guard end < window.count else { return (end, false) }
                i = end
                if window[end] == lineFeed {
                    nextLine += 1
                    endRecord()
                    return (end + 1, true)
                }
                ends.append(bytes.count)
                state = .fieldStart
            case .quoted:
                var end = i
                while end < window.count && window[end] != quote {
                    if window[end] == lineFeed { nextLine += 1 }
                    end += 1
                }
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: window[i..<end]))
                guard end < window.count else { return (end, false) }
                i = end
                state = .quoteInQuoted
            case .quoteInQuoted where byte == quote:
                bytes.append(quote)
                state = .quoted
            case .quoteInQuoted where byte == 0x0D: state = .afterQuoted
            case .quoteInQuoted where byte == separator:
                ends.append(bytes.count)
                state = .fieldStart
            case .quoteInQuoted where byte == lineFeed, .afterQuoted where byte == lineFeed:
                nextLine += 1
                ends.append(bytes.count)
                return (i + 1, true)
            case .quoteInQuoted, .afterQuoted:
                throw failure("text follows the closing quote of field \(ends.count + 1)")
            }
            i += 1
        }
        return (i, false)
    }

    /// Ends the last field of a record; a carriage return before the line's end is no part of it.
    private func endRecord() {
        if state == .bare && bytes.count > (ends.last ?? 0) && bytes.last == 0x0D { bytes.removeLast() }
        ends.append(bytes.count)
    }
}
