import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// What must hold exactly, whatever was learned.
struct CupIdentities {
    let elastic: ElasticBench

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let texts = Array(elastic.test.texts.prefix(elastic.bench.choose(quick: 16, full: 200)))
        let vectors = try elastic.bench.model().embed(texts, threads: elastic.bench.threads).vectors
        findings.bars += [
            StudyBar(
                "4. loss of the list of the whole size alone beside the base's, relative difference",
                wholeAlone(vectors), .atMost, 1e-6),
            StudyBar(
                "4. cosines of prefixes by running sums beside those of truncated vectors, largest difference",
                try runningSums(), .atMost, 1e-6),
        ]
    }

    private func wholeAlone(_ vectors: Matrix) -> Double {
        let half = vectors.rows / 2
        let columns = [0..<half, half..<2 * half].map { Tensor(vectors.gathering(rows: $0)) }
        let scores = (0..<half).map(Float.init)
        let alone = StarbucksLoss(elastic.base, sizes: [elastic.full]).objective(mode: .inference)
        let (found, expected) = (
            alone.loss([columns], scores).item, elastic.base(columns, scores: scores).item
        )
        return Double(abs(found - expected) / abs(expected))
    }

    /// All cosines of the study are sums that go on from size to size.
    private func runningSums() throws(KuklaError) -> Double {
        let sizes = [16, 32, 64, 128, 256, 384]
        let pairs = elastic.test
        let vectors = try elastic.bench.embed(pairs.texts)
        let found = pairs.cosines(vectors, dimensions: sizes)
        var largest = 0.0
        for (size, found) in zip(sizes, found) {
            let alone = pairs.cosines(vectors.leadingComponents(size), dimensions: [size])[0]
            largest = max(largest, zip(found, alone).map { abs($0 - $1) }.max() ?? .infinity)
        }
        return largest
    }
}
