public import KuklaNumerics

/// Finds documents that rank high for a query and do not answer it, by a teacher's vectors: negatives that are worth training on.
///
/// The teacher is a model that is not being trained: negatives of the student itself are those it happens to get wrong now.
public struct HardNegativeMiner: Sendable {
    public var rule: NegativeRule
    /// Negatives of a pair.
    public var count: Int
    /// Documents at the head of a ranking, known answers aside, that are never taken.
    public var skip: Int

    /// - Precondition: at least one negative, no fewer than 0 skipped.
    public init(rule: NegativeRule = .topKPercent(0.95), count: Int = 7, skip: Int = 0) {
        contract(count > 0 && skip >= 0, "HardNegativeMiner: \(count) negatives, \(skip) skipped")
        self.rule = rule
        self.count = count
        self.skip = skip
    }

    /// What was found.
    public struct Findings: Sendable, Equatable {
        /// A pair and its negatives, best first: rows of queries and documents.
        public struct Row: Sendable, Equatable {
            public let query: Int
            public let positive: Int
            public let negatives: [Int]

            package init(query: Int, positive: Int, negatives: [Int]) {
                self.query = query
                self.positive = positive
                self.negatives = negatives
            }
        }

        /// Pairs with as many negatives as asked for, in the order of the queries.
        public var rows: [Row] = []
        /// Pairs that have fewer, and were left out.
        public var incomplete = 0
        /// Documents that the best of the ranking would have had as negatives and the rule did not let pass.
        public var droppedByRule = 0
        /// Other known answers that rank above the last negative of a pair.
        public var answersAvoided = 0
    }

    /// - Parameters:
    ///   - queries, documents: the teacher's vectors, of length 1.
    ///   - answers: rows of the documents that answer each query. Each of them makes a pair; none is ever a negative of that query.
    ///   - excluded: rows of further documents that are no negatives of a query, such as its own text; empty for none.
    /// - Complexity: O(queries * documents * dimensions).
    public func callAsFunction(
        queries: Matrix, documents: Matrix, answers: [[Int]], excluded: [[Int]] = [],
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) -> Findings {
        contract(
            answers.count == queries.rows && (excluded.isEmpty || excluded.count == queries.rows)
                && queries.columns == documents.columns,
            "HardNegativeMiner: \(queries.rows) queries of \(queries.columns) dimensions, \(answers.count) lists of answers, documents of \(documents.columns)"
        )
        progress.begin("Mining", total: queries.rows, unit: "queries")
        defer { progress.end() }
        var all = Findings()
        // Blocks, so that scores of all queries are never held at once.
        for start in stride(from: 0, to: queries.rows, by: 64) {
            let block = start..<min(start + 64, queries.rows)
            let scores = queries.gathering(rows: block).multiplied(
                by: documents, transposed: true, threads: threads)
            let found = Guarded([Findings](repeating: Findings(), count: block.count))
            parallelFor(block.count, grain: 1, threads: threads) { range in
                for row in range {
                    let query = start + row
                    let one = scores.withUnsafeRow(row) {
                        mine($0, query, answers[query], excluded.isEmpty ? [] : excluded[query])
                    }
                    found.withLock { $0[row] = one }
                }
            }
            for one in found.withLock({ $0 }) {
                all.rows += one.rows
                all.incomplete += one.incomplete
                all.droppedByRule += one.droppedByRule
                all.answersAvoided += one.answersAvoided
            }
            progress.advance(by: block.count)
        }
        return all
    }

    private func mine(
        _ scores: UnsafeBufferPointer<Float>, _ query: Int, _ answers: [Int], _ excluded: [Int]
    ) -> Findings {
        var found = Findings()
        let barred = Set(answers).union(excluded)
        let skipped = Set(best(skip, of: scores) { !barred.contains($0) })
        for positive in answers {
            let limit = rule.limit(positive: scores[positive])
            var above = 0
            let negatives = best(count, of: scores) { document in
                guard !barred.contains(document), !skipped.contains(document) else { return false }
                if scores[document] > limit { above += 1 }
                return scores[document] <= limit
            }
            found.droppedByRule += min(above, count)
            guard negatives.count == count, let last = negatives.last else {
                found.incomplete += 1
                continue
            }
            found.answersAvoided += answers.count { $0 != positive && scores[$0] >= scores[last] }
            found.rows.append(.init(query: query, positive: positive, negatives: negatives))
        }
        return found
    }

    /// The documents with the highest scores among those that are `wanted`, best first; of equal ones the first.
    private func best(
        _ count: Int, of scores: UnsafeBufferPointer<Float>, where wanted: (Int) -> Bool
    ) -> [Int] {
        guard count > 0 else { return [] }
        var best: [Int] = []
        best.reserveCapacity(count + 1)
        for document in scores.indices where wanted(document) {
            if best.count == count, let last = best.last, scores[document] <= scores[last] { continue }
            var place = best.endIndex
            while place > 0, scores[best[place - 1]] < scores[document] { place -= 1 }
            best.insert(document, at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}
