import Foundation
import KuklaIndex
import KuklaNumerics

/// What must hold exactly, or on average, whatever the vectors are, on real token vectors.
struct ExactIdentities {
    let bench: StudyBench
    let queries, documents: VectorSets

    init(bench: StudyBench, corpus: TokenCorpus) {
        self.bench = bench
        queries = corpus.queries[sets: 0..<min(10, corpus.queries.count)]
        documents = corpus.documents[sets: 0..<min(20, corpus.documents.count)]
    }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        try addIdentities(to: &findings)
        try addExpectation(to: &findings)
    }

    private func encoder(_ word: String, projections: UInt64? = nil) throws(KuklaError)
        -> FixedDimensionalEncoder
    {
        let encoding = try FixedDimensionalEncoding(parsing: word)
        return try FixedDimensionalEncoder(
            encoding, inputDimensions: documents.dimensions, projectionSeed: projections ?? encoding.seed)
    }

    private func scores(_ encoder: FixedDimensionalEncoder, _ queries: VectorSets, _ documents: VectorSets)
        -> Matrix
    {
        encoder.encode(queries: queries, threads: bench.threads).multiplied(
            by: encoder.encode(documents: documents, threads: bench.threads), transposed: true,
            threads: bench.threads)
    }

    /// The greatest difference of two scores, for each vector of the query.
    private func difference(_ a: Matrix, _ b: Matrix, timesA scale: Float = 1) -> Double {
        var worst = 0.0
        for query in 0..<a.rows {
            let size = Double(queries.rows(of: query).count)
            for document in 0..<a.columns {
                worst = max(worst, Double(abs(scale * a[query, document] - b[query, document])) / size)
            }
        }
        return worst
    }

    private func addIdentities(to findings: inout StudyFindings) throws(KuklaError) {
        func add(_ what: String, _ worst: Double) {
            findings.bars.append(
                StudyBar("1. greatest difference for each query token, \(what)", worst, .atMost, 1e-4))
        }
        func sums(_ sets: VectorSets, mean: Bool) -> Matrix {
            Matrix(rows: sets.count, columns: sets.dimensions) { out in
                out.update(repeating: 0)
                for set in 0..<sets.count {
                    let rows = sets.rows(of: set)
                    for row in rows {
                        for (i, x) in sets.vectors.row(row).enumerated() {
                            out[set * sets.dimensions + i] += mean ? x / Float(rows.count) : x
                        }
                    }
                }
            }
        }
        add(
            "one partition: of <sum, mean>",
            difference(
                scores(try encoder("FDE1x0"), queries, documents),
                sums(queries, mean: false).multiplied(by: sums(documents, mean: true), transposed: true)))
        let single = VectorSets(
            vectors: documents.vectors.gathering(rows: (0..<documents.count).map { documents.offsets[$0] }),
            offsets: Array(0...documents.count))
        let exact = MaxSim.scores(queries, single)
        var worst = 0.0
        for bits in 0...6 {
            let found = scores(try encoder("FDE4x\(bits)"), queries, single)
            worst = max(worst, difference(found, exact, timesA: 0.25))
        }
        add("documents of one token, 0 to 6 bits: of MaxSim", worst)
        func rearranged(_ sets: VectorSets, twice: Bool) -> VectorSets {
            let rows = (0..<sets.count).map { Array(sets.rows(of: $0).reversed()) }
            return VectorSets(
                vectors: sets.vectors.gathering(rows: rows.flatMap { twice ? $0 + $0 : $0 }),
                offsets: sets.offsets.map { twice ? 2 * $0 : $0 })
        }
        let usual = try encoder("FDE5x4x16")
        let before = scores(usual, queries, documents)
        add(
            "tokens in another order",
            difference(
                scores(usual, rearranged(queries, twice: false), rearranged(documents, twice: false)), before)
                / 5)
        add(
            "document tokens twice, query tokens twice and halved",
            difference(
                scores(usual, rearranged(queries, twice: true), rearranged(documents, twice: true)), before,
                timesA: 0.5) / 5)
    }

    /// Over other projections of the same partitions: the mean is the score without projection, and the variance falls as one
    /// over the dimensions.
    private func addExpectation(to findings: inout StudyFindings) throws(KuklaError) {
        let (query, document) = (queries[sets: 0..<1], documents[sets: 0..<1])
        let exact = Double(scores(try encoder("FDE2x3"), query, document)[0, 0])
        let draws = 500
        var table = StudyTable(
            "The score of one pair over \(draws) draws of the projection (without one: \(String(format: "%.3f", exact)))",
            columns: ["dimensions", "mean", "standard error", "variance"])
        var errors: [Double] = []
        var points: [(x: Double, y: Double)] = []
        for width in [4, 8, 16, 32] {
            var samples: [Double] = []
            for seed in 0..<draws {
                let encoder = try encoder("FDE2x3x\(width)", projections: UInt64(seed))
                samples.append(Double(scores(encoder, query, document)[0, 0]))
            }
            let mean = samples.reduce(0, +) / Double(draws)
            let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
            let error = (variance / Double(draws)).squareRoot()
            errors.append(abs(mean - exact) / error)
            points.append((log(Double(width)), log(variance)))
            table.rows.append([
                .count(width), .number(mean, decimals: 3), .number(error, decimals: 4),
                .number(variance, decimals: 4),
            ])
        }
        findings.tables.append(table)
        let middle = points.reduce(0) { $0 + $1.x } / Double(points.count)
        let slope =
            points.reduce(0) { $0 + ($1.x - middle) * $1.y }
            / points.reduce(0) { $0 + ($1.x - middle) * ($1.x - middle) }
        findings.bars += [
            StudyBar(
                "2. distance of the mean over \(draws) projections from the score without, standard errors",
                errors.max()!, .atMost, 3),
            StudyBar(
                "2. distance of the slope of log variance over log dimensions from -1", abs(slope + 1),
                .atMost, 0.2, note: String(format: "Slope %.3f.", slope)),
        ]
    }
}
