public import KuklaNumerics
public import KuklaText

/// Training examples as token ids: rows of texts that belong together, and maybe a score each.
public struct TextExamples: Sendable {
    /// One batch of tokens for each column; text i of each belongs to row i.
    let columns: [TokenBatch]
    /// A number for each row; empty where there are none.
    public let scores: [Float]
    /// Which different text stands in each column of a row: equal texts have equal numbers.
    let identities: [[Int32]]
    /// How many texts were longer than allowed and cut.
    public let truncatedCount: Int

    /// - Parameters:
    ///   - prompts: what stands before each text, in rows like these; empty for nothing.
    ///   - maximumLength: tokens that are read of a text, special ones included.
    /// - Precondition: every row has as many texts; as many scores as rows, or none.
    public init(
        rows: [[String]], scores: [Float] = [], prompts: [[String]] = [], tokenizer: WordPieceTokenizer,
        maximumLength: Int,
        threads: Int = defaultThreadCount
    ) {
        let width = rows.first?.count ?? 0
        contract(rows.allSatisfy { $0.count == width }, "TextExamples: rows of different length")
        contract(
            scores.isEmpty || scores.count == rows.count,
            "TextExamples: \(scores.count) scores for \(rows.count) rows")
        columns = (0..<width).map { column in
            tokenizer.encode(
                rows.map { $0[column] },
                prompts: rows.indices.map { prompts.isEmpty ? "" : prompts[$0][column] },
                maxLength: maximumLength, threads: threads)
        }
        self.scores = scores
        identities = Self.numbered(rows).numbers
        truncatedCount = columns.reduce(0) { $0 + $1.truncatedCount }
    }

    /// All different texts in the order in which they come, and rows of their numbers.
    static func numbered(_ rows: [[String]]) -> (texts: [String], numbers: [[Int32]]) {
        var known: [String: Int32] = [:]
        var texts: [String] = []
        let numbers = rows.map { row in
            row.map { text in
                if let number = known[text] { return number }
                let number = Int32(texts.count)
                known[text] = number
                texts.append(text)
                return number
            }
        }
        return (texts, numbers)
    }

    /// The number of rows.
    public var count: Int { identities.count }

    /// Some rows as one batch: the first column's texts, then the second's ...
    func batch(_ rows: [Int]) -> TextExampleBatch {
        TextExampleBatch(
            tokens: TokenBatch.joined(columns.map { $0.selecting(rows) }), rows: rows.count,
            scores: scores.isEmpty ? [] : rows.map { scores[$0] })
    }
}

/// Some rows of examples, column behind column.
public struct TextExampleBatch: Sendable {
    let tokens: TokenBatch
    let rows: Int
    let scores: [Float]
}
