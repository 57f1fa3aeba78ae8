public import KuklaFormats
public import KuklaIndex
public import KuklaNumerics

/// Reads items from JSON lines, an object each: `id` (or `_id`), `text`, `vector` (or `embedding`), `metadata`. All other members are
/// metadata too. Empty lines are skipped.
public final class ItemLinesReader {
    /// What a line says of an item, but for its vector.
    public struct Record: Hashable, Sendable {
        public var id: ItemID?
        public var text: String?
        public var metadata: [String: JSONValue] = [:]
        /// Components of its vector; 0 where it has none.
        public var componentCount = 0
    }

    private let lines: LineReader

    public init(_ source: ByteSource) throws(KuklaError) { lines = try LineReader(source) }

    /// What error messages call the text.
    public var name: String { lines.name }

    /// The next item; the components of its vector are appended. `nil` at the end.
    ///
    /// - Throws: `KuklaError.badData` naming the line.
    public func next(components: inout [Float]) throws(KuklaError) -> Record? {
        try lines.nextJSON { (scanner) throws(JSONFault) in try Self.record(&scanner, &components) }
    }

    /// An error about the line that was read last.
    func failure(_ what: String) -> KuklaError { lines.failure(what) }

    /// The item that is the next value; the components of its vector are appended.
    package static func record(
        _ scanner: inout JSONScanner, _ components: inout [Float]
    ) throws(JSONFault) -> Record {
        var record = Record()
        try scanner.object { (key, scanner) throws(JSONFault) in
            switch key {
            case "id", "_id": record.id = try id(&scanner)
            case "text": record.text = try scanner.stringOrNull()
            case "vector", "embedding":
                let start = components.count
                try scanner.array { (scanner) throws(JSONFault) in
                    let number = try scanner.float()
                    guard number.isFinite else { throw scanner.fault("a number is over float32's range") }
                    components.append(number)
                }
                record.componentCount += components.count - start
            case "metadata":
                switch try scanner.value() {
                case .object(let members): record.metadata.merge(members) { $1 }
                case .null: break
                case let other: throw scanner.fault("\"metadata\" is \(other.kind), not an object")
                }
            default: record.metadata[key] = try scanner.value()
            }
        }
        return record
    }

    private static func id(_ scanner: inout JSONScanner) throws(JSONFault) -> ItemID {
        switch try scanner.value() {
        case .string(let text): return .text(text)
        case .integer(let number) where number >= 0: return .number(UInt64(number))
        case let other:
            throw scanner.fault(
                "the id is \(other); expected a string or a whole number from 0 to \(Int64.max)")
        }
    }
}
