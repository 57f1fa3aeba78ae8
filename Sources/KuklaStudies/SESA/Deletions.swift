import Foundation
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Whether what an explanation prints is what the score loses, and matters more than anything else that is active.
struct Deletions {
    let posts: ExplicitPosts
    let bench: StudyBench
    let vectors: [ConceptVector]

    private static let counts = [1, 2, 5]

    func add(to findings: inout StudyFindings) {
        let n = min(bench.choose(quick: 40, full: 500), vectors.count)
        let width = posts.concepts.count
        let rows = vectors.prefix(n).map { vector in
            var row = [Double](repeating: 0, count: width)
            for (concept, value) in zip(vector.concepts, vector.values) { row[Int(concept)] = Double(value) }
            return row
        }
        var scores = Ranking()
        var best = [Int: Ranking]()
        var drawn = [Int: Ranking]()
        var error = 0.0
        var random = RandomSource(seed: bench.seeds[0])
        for i in 0..<n {
            for j in i + 1..<n {
                let isRelevant = posts.testGroups[i] == posts.testGroups[j]
                let parts = vectors[i].contributions(to: vectors[j])
                let score = parts.reduce(0) { $0 + $1.value }
                scores.add(score, isRelevant)
                let scale = vectors[i].norm * vectors[j].norm
                // The score of what is left, from the rows themselves, with the lengths of the whole vectors.
                func remaining(without concepts: some Sequence<Int>) -> Double {
                    guard scale > 0 else { return 0 }
                    var row = rows[i]
                    for concept in concepts { row[concept] = 0 }
                    return zip(row, rows[j]).reduce(0) { $0 + $1.0 * $1.1 } / scale
                }
                let active = (0..<width).filter { rows[i][$0] > 0 || rows[j][$0] > 0 }
                for count in Self.counts {
                    let taken = parts.prefix(count)
                    let left = remaining(without: taken.map(\.concept))
                    error = max(error, abs(score - left - taken.reduce(0) { $0 + $1.value }))
                    best[count, default: Ranking()].add(left, isRelevant)
                    let others = random.sample(min(count, active.count), below: active.count).map {
                        active[$0]
                    }
                    drawn[count, default: Ranking()].add(remaining(without: others), isRelevant)
                }
            }
        }
        let whole = scores.area
        var table = StudyTable(
            "ROC-AUC of \(n) test posts' pairs after concepts are deleted from the explanation (first seed); whole: \(String(format: "%.4f", whole))",
            columns: [
                "deleted", "the largest contributions", "random active concepts", "ratio of what is lost",
            ])
        var ratios: [Int: Double] = [:]
        for count in Self.counts {
            guard let own = best[count]?.area, let other = drawn[count]?.area else { continue }
            ratios[count] = (whole - own) / max(whole - other, 1e-9)
            table.rows.append([
                .count(count), .number(own, decimals: 4), .number(other, decimals: 4),
                .number(ratios[count] ?? .nan, decimals: 2),
            ])
        }
        findings.tables.append(table)
        let activeMean = Spread(vectors.prefix(n).map { Double($0.concepts.count) }).mean
        findings.bars += [
            StudyBar(
                "3. Score lost by deleting the 5 largest contributions beside their printed sum, greatest difference",
                error, .atMost, 1e-5, note: "lengths are those of the whole vectors"),
            StudyBar(
                "3. ROC-AUC lost by deleting the 5 largest contributions over that lost by 5 random active concepts, ratio",
                ratios[5] ?? .nan, .atLeast, 5,
                note: String(
                    format:
                        "a post has %.1f active concepts, so that 5 random ones are a large part of all; deleting 1: ratio %.2f",
                    activeMean, ratios[1] ?? .nan)),
        ]
    }

    private struct Ranking {
        var relevant: [Double] = []
        var others: [Double] = []

        mutating func add(_ score: Double, _ isRelevant: Bool) {
            if isRelevant { relevant.append(score) } else { others.append(score) }
        }

        var area: Double { RankingArea.underROC(relevant: relevant, others: others) }
    }
}
