public import KuklaNumerics

/// Reads vectors from JSON lines: each line an array of numbers, or an object with such an array.
///
/// The array's key is "vector" or "embedding", or the one that the caller names. Empty lines are skipped.
public final class JSONLinesVectorReader: VectorReader {
    public var name: String { lines.name }
    public let dimensions: Int
    public var count: Int? { nil }

    private let lines: LineReader
    private let key: String?
    private var components: [Float] = []
    private var isFirstPending = true

    /// Reads the first vector at the front of `source`.
    ///
    /// - Throws: `KuklaError` naming the line where it is not JSON or has no vector.
    public init(_ source: ByteSource, key: String? = nil) throws(KuklaError) {
        lines = try LineReader(source)
        self.key = key
        var first: [Float] = []
        let found = try JSONLinesVectorReader.readLine(lines, key: key, into: &first)
        dimensions = first.count
        components = first
        guard found else {
            throw KuklaError(.badData, "Cannot read vectors from \(source.name): it is empty.")
        }
        guard dimensions > 0 else { throw lines.failure("the vector has no components") }
    }

    public func next(maxRows: Int) throws(KuklaError) -> Matrix? {
        let maxRows = Swift.min(blockRows(maxRows, bytesPerRow: dimensions * 4), 65_536)
        var rows = 0
        if isFirstPending {
            isFirstPending = false
            rows = 1
        } else {
            components.removeAll(keepingCapacity: true)
        }
        while rows < maxRows {
            guard try JSONLinesVectorReader.readLine(lines, key: key, into: &components) else { break }
            let got = components.count - rows * dimensions
            guard got == dimensions else {
                throw lines.failure("the vector has \(got) components where the first has \(dimensions)")
            }
            rows += 1
        }
        return rows == 0 ? nil : Matrix(rows: rows, columns: dimensions, elements: components)
    }

    /// Appends the vector of the next line that is not empty; false at the end.
    private static func readLine(
        _ lines: LineReader, key wanted: String?, into components: inout [Float]
    ) throws(KuklaError) -> Bool {
        let found: Void? = try lines.nextJSON { (scanner) throws(JSONFault) in
            let isArray = scanner.peek() == UInt8(ascii: "[")
            try vector(&scanner, isArray: isArray, key: wanted, into: &components)
        }
        return found != nil
    }

    /// The vector of one line, or `nil` where it has none.
    static func vector(in line: UnsafeRawBufferPointer, key: String?) -> [Float]? {
        var scanner = JSONScanner(line)
        var components: [Float] = []
        let isArray = scanner.peek() == UInt8(ascii: "[")
        do throws(JSONFault) {
            try vector(&scanner, isArray: isArray, key: key, into: &components)
        } catch {
            return nil
        }
        return components
    }

    private static func vector(
        _ scanner: inout JSONScanner, isArray: Bool, key wanted: String?, into components: inout [Float]
    ) throws(JSONFault) {
        if isArray {
            try numbers(&scanner, into: &components)
        } else {
            var isFound = false
            try scanner.object { (key, scanner) throws(JSONFault) in
                let isVector = wanted.map { key == $0 } ?? (key == "vector" || key == "embedding")
                if isVector && !isFound {
                    try numbers(&scanner, into: &components)
                    isFound = true
                } else {
                    try scanner.skip()
                }
            }
            guard isFound else { throw scanner.fault("there is no \"\(wanted ?? "vector")\" in the object") }
        }
        try scanner.finish()
    }

    private static func numbers(
        _ scanner: inout JSONScanner, into components: inout [Float]
    ) throws(JSONFault) {
        try scanner.array { (scanner) throws(JSONFault) in
            let number = try scanner.float()
            guard number.isFinite else { throw scanner.fault("a number is over float32's range") }
            components.append(number)
        }
    }
}
