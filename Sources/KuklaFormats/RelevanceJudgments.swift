public import Foundation
public import KuklaNumerics

/// Which documents are relevant to which queries, and how much.
public struct RelevanceJudgments: Sendable, Equatable {
    /// Query ids, in the order in which the file names them first.
    public private(set) var queryIDs: [String] = []
    /// Grades by query id, then document id; 0 is "judged, not relevant".
    public private(set) var grades: [String: [String: Int]] = [:]

    /// Judgments in all.
    public var count: Int { grades.values.reduce(0) { $0 + $1.count } }

    public init() {}

    /// States the grade of a document for a query.
    public mutating func set(_ grade: Int, of document: String, for query: String) {
        if grades[query] == nil { queryIDs.append(query) }
        grades[query, default: [:]][document] = grade
    }

    /// Reads BEIR's TSV (query, document, grade; a header line is skipped) or TREC's qrels (query, anything,
    /// document, grade, with tabs or spaces), plain or gzip.
    ///
    /// - Throws: `KuklaError` naming the line that is neither, or that contradicts an earlier one.
    public init(_ url: URL) throws(KuklaError) {
        let lines = try LineReader(url)
        while let line = try lines.nextString() {
            if line.allSatisfy(\.isWhitespace) { continue }
            var columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if columns.count == 1 { columns = line.split(whereSeparator: \.isWhitespace).map(String.init) }
            guard columns.count == 3 || columns.count == 4 else {
                throw lines.failure(
                    "it has \(columns.count) columns; expected query, document, grade, or TREC's four columns"
                )
            }
            let (query, document) = (columns[0], columns[columns.count - 2])
            let last = columns[columns.count - 1]
            guard let grade = Int(last) else {
                if lines.lineNumber == 1 && Double(last) == nil { continue }  // the header
                throw lines.failure("the grade \"\(last)\" is not a whole number")
            }
            guard !query.isEmpty, !document.isEmpty else { throw lines.failure("an id is empty") }
            if let earlier = grades[query]?[document], earlier != grade {
                throw lines.failure(
                    "query \(query) and document \(document) get grade \(grade), and \(earlier) on an earlier line"
                )
            }
            set(grade, of: document, for: query)
        }
        guard !grades.isEmpty else {
            throw KuklaError(.badData, "Cannot use \(url.path): it has no relevance judgments.")
        }
    }
}
