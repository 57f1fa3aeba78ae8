import Foundation
import KuklaIndex
import KuklaNumerics

/// Recall where vectors enter class by class, by the order of the classes.
struct ClassOrders {
    let bench: StudyBench

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let news = try bench.agNews()
        let texts = Array(news.texts.prefix(HNSWRecallStudy.limit(bench)))
        let vectors = try bench.embed(texts)
        let corpus = try HeldOutVectors(news.name, vectors, threads: bench.threads)
        let labels = HeldOutVectors.baseRows(of: vectors).map { news.labels[$0] }
        let permutations = Self.permutations(of: [1, 2, 3, 4]).prefix(bench.choose(quick: 4, full: 24))
        var byClass: [Double] = []
        var atRandom: [Double] = []
        bench.progress.begin("Class orders", total: 2 * permutations.count, unit: "graphs")
        defer { bench.progress.end() }
        for (number, classes) in permutations.enumerated() {
            let seed = UInt64(number + 1)
            let blocks = classes.flatMap { wanted in labels.indices.filter { labels[$0] == wanted } }
            for (order, isByClass) in [
                (InsertionOrder.custom(blocks), true), (.random(seed: seed), false),
            ] {
                let index = try corpus.graph(order: order, seed: seed, threads: bench.threads)
                let recall = try corpus.recall(of: index, effort: 10)
                if isByClass { byClass.append(recall) } else { atRandom.append(recall) }
                bench.progress.advance(by: 1)
            }
        }
        func spread(_ recalls: [Double]) -> Double { 100 * (recalls.max()! - recalls.min()!) }
        func row(_ name: String, _ recalls: [Double]) -> [StudyTable.Cell] {
            [
                .text(name), .number(recalls.min()!, decimals: 4),
                .number(recalls.reduce(0, +) / Double(recalls.count), decimals: 4),
                .number(recalls.max()!, decimals: 4), .number(spread(recalls), decimals: 2),
            ]
        }
        findings.tables.append(
            StudyTable(
                "Recall@10 (ef 10) on \(news.name) over \(permutations.count) orders of insertion with the same level seeds",
                columns: ["order", "lowest", "mean", "highest", "spread, points"],
                rows: [row("class by class", byClass), row("random", atRandom)]))
        findings.bars.append(
            StudyBar(
                "4. spread of recall@10 over orders of classes, of that over random orders",
                spread(byClass) / spread(atRandom), .atLeast, 1,
                note: String(
                    format: "%.2f against %.2f points, over %d orders each.", spread(byClass),
                    spread(atRandom),
                    permutations.count)))
    }

    private static func permutations(of items: [Int]) -> [[Int]] {
        guard items.count > 1 else { return [items] }
        return items.flatMap { first in
            permutations(of: items.filter { $0 != first }).map { [first] + $0 }
        }
    }
}
