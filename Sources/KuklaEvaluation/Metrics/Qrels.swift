/// Relevance judgements: for each query, the grade of each document that a person judged.
///
/// A grade above 0 is relevant, more so the higher it is; 0 and negative grades are judged not relevant; a
/// document that does not appear is not judged, which metrics treat as not relevant.
public struct Qrels: Sendable, Equatable {
    /// The grade of each judged document, by query.
    public private(set) var grades: [String: [String: Int]]

    public init(_ grades: [String: [String: Int]] = [:]) { self.grades = grades }

    /// Records a judgement; a later one for the same query and document replaces the earlier.
    public mutating func add(query: String, document: String, grade: Int) {
        grades[query, default: [:]][document] = grade
    }

    /// The grades of a query's judged documents, or `nil` where nobody judged any.
    public subscript(query: String) -> [String: Int]? {
        guard let judged = grades[query], !judged.isEmpty else { return nil }
        return judged
    }

    /// How many queries have at least one judged document.
    public var queryCount: Int { grades.values.count { !$0.isEmpty } }

    /// How many judgements there are, of any grade.
    public var judgementCount: Int { grades.values.reduce(0) { $0 + $1.count } }
}
