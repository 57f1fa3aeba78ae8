import KuklaNumerics
import KuklaTables
import KuklaTensor

/// What a candidate costs by the length of its history.
struct HistoryCost {
    private let runs: InterestRuns

    init(_ runs: InterestRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let lengths = [10, 50, 200]
        let scorer = try runs.train(.din, seed: 1, epochs: 1).scorer
        let times = lengths.map { microseconds(scorer, history: $0) }
        var table = StudyTable(
            "One candidate, microseconds on one thread, the least of many",
            columns: ["events", "microseconds"])
        for (length, time) in zip(lengths, times) {
            table.rows.append([.count(length), .number(time, decimals: 1)])
        }
        findings.tables.append(table)
        // A line has one slope.
        let slopes = [(times[1] - times[0]) / 40, (times[2] - times[1]) / 150]
        findings.bars.append(
            StudyBar(
                "5. microseconds of a further event from 50 to 200, over those from 10 to 50",
                slopes[1] / slopes[0], .atMost, 1.25,
                note: "\(StudyTable.Cell.number(slopes[1], decimals: 2).description) microseconds an event."))
    }

    private func microseconds(_ scorer: ClickScorer, history: Int) -> Double {
        let films = Int32(runs.set.vocabularies[0].count)
        let ids = (0..<Int32(history)).flatMap { event -> [Int32] in [event % films, 0] }
        let batch = ExampleBatch(
            count: 1, ids: [1, 0, 0, 0], numbers: nil, labels: .zeros([1]),
            lists: [.init(fields: [0, 1], ids: ids, offsets: [0, Int32(history)])])
        var least = Double.infinity
        TensorThreads.limited(to: 1) {
            for _ in 0..<runs.bench.choose(quick: 50, full: 2000) {
                let start = ContinuousClock.now
                _ = scorer.logits(batch)
                least = min(least, start.duration(to: .now) / .microseconds(1))
            }
        }
        return least
    }
}
