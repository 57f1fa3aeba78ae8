/// One query's answer in rank order, seen only by its grades: all that a retrieval metric needs.
public struct RankedAnswer: Sendable, Equatable {
    /// The grade of each answered document, best rank first; 0 where nobody judged it.
    public let grades: [Int]
    /// The positive grades of all judged documents, highest first: the best answer there could be.
    public let idealGrades: [Int]

    /// How many documents are relevant to the query, found or not.
    public var relevantCount: Int { idealGrades.count }

    /// Ranks an answer as trec_eval does.
    ///
    /// Larger scores first, compared as float32; equal ones by document id, bytewise descending. The rank of
    /// a tie thus depends on ids alone, never on the order in which a system happened to write them.
    /// O(n log n).
    ///
    /// - Precondition: no score is NaN and no document stands twice (`RetrievalRun` sees to both).
    public init(hits: [RetrievalRun.Hit], judged: [String: Int]) {
        let ranked = hits.map { (score: Float($0.score), document: $0.document) }.sorted { a, b in
            a.score != b.score
                ? a.score > b.score : b.document.utf8.lexicographicallyPrecedes(a.document.utf8)
        }
        grades = ranked.map { judged[$0.document] ?? 0 }
        idealGrades = judged.values.filter { $0 > 0 }.sorted(by: >)
    }
}
