import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor

/// What a step of all sizes takes beside a plain one, and beside steps of each size.
struct CupCost {
    let elastic: ElasticBench
    let cups: Cups

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let bench = elastic.bench
        let model = try elastic.training.base()
        let arms = [elastic.starbucks(cups.sizes, 1)] + cups.sizes.map { elastic.separate($0, 1) }
        let tasks = arms.map { elastic.training.task($0.loss, on: model) }
        let rounds = bench.choose(quick: 2, full: 12)
        let batches = try tasks[0].sampler(batchSize: bench.choose(quick: 16, full: 64), seed: 1)
            .batches(inEpoch: 0)
        var seconds = tasks.map { _ in [Double]() }
        var random = RandomSource(seed: 1)
        // The same batch for all in turn, so that what else the machine does hits all alike; the first round warms up.
        for round in 0...rounds {
            let batch = tasks[0].makeBatch(batches[round % batches.count], random: &random)
            for (index, task) in tasks.enumerated() {
                let start = ContinuousClock.now
                TensorThreads.limited(to: bench.threads) {
                    _ = task.step(on: batch, mode: .training(RandomStream(seed: 1)))
                }
                if round > 0 { seconds[index].append((ContinuousClock.now - start) / .seconds(1)) }
            }
        }
        let medians = seconds.map { $0.sorted()[$0.count / 2] }
        let (all, alone, plain) = (medians[0], medians[1...].reduce(0, +), medians[medians.count - 1])
        findings.bars.append(
            StudyBar(
                "2. a training step of SRL beside a plain one, ratio of times", all / plain, .atMost, 2,
                note: String(
                    format:
                        "medians of %d alternating steps: %.0f ms and %.0f ms; steps of the six sizes alone take %.0f ms together.",
                    rounds, 1000 * all, 1000 * plain, 1000 * alone)))
    }
}
