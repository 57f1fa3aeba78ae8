import KuklaFormats
import KuklaIndex
import KuklaNumerics

/// Vectors of known dimension: how recall falls with it, and whether the estimators find it.
struct SyntheticDimensions {
    let bench: StudyBench

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        try addRecall(to: &findings)
        try addLocalDimension(to: &findings)
    }

    /// Random combinations of the first `rank` of an orthonormal basis.
    private func vectors(_ count: Int, rank: Int, basis: Matrix, random: inout RandomSource) -> Matrix {
        var coefficients = Matrix(rows: count, columns: rank)
        coefficients.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] = random.normal() } }
        return coefficients.multiplied(by: basis[rows: 0..<rank], threads: bench.threads)
    }

    private func addRecall(to findings: inout StudyFindings) throws(KuklaError) {
        let dimensions = bench.choose(quick: 128, full: 1024)
        let count = bench.choose(quick: 800, full: 8000)
        let ranks = [2, 8, 32, 128, 512, 1024].filter { $0 <= dimensions }
        let efforts = [10, 40]
        let basis = try Matrix.randomRotation(dimensions: dimensions, seed: 1)
        var table = StudyTable(
            "Recall@10 by the rank of \(count) vectors of \(dimensions) dimensions, mean of \(bench.seeds.count) seeds",
            columns: ["rank"] + efforts.map { "ef \($0)" } + ["principal dimension (0.99)"])
        var curves = efforts.map { _ in [(x: Double, y: Double)]() }
        var worstEstimate = 0.0
        bench.progress.begin("Recall by rank", total: ranks.count * bench.seeds.count, unit: "graphs")
        defer { bench.progress.end() }
        for rank in ranks {
            var recalls = efforts.map { _ in 0.0 }
            var estimate = 0.0
            for seed in bench.seeds {
                var random = RandomSource(seed: seed)
                let all = vectors(count + 500, rank: rank, basis: basis, random: &random)
                let corpus = try HeldOutVectors(
                    "rank \(rank)", base: all[rows: 0..<count], queries: all[rows: count..<count + 500],
                    threads: bench.threads)
                let index = try corpus.graph(seed: seed, threads: bench.threads)
                for (place, effort) in efforts.enumerated() {
                    recalls[place] += try corpus.recall(of: index, effort: effort) / Double(bench.seeds.count)
                }
                estimate += Double(try PrincipalDimension.estimate(corpus.base, threads: bench.threads))
                bench.progress.advance(by: 1)
            }
            estimate /= Double(bench.seeds.count)
            if rank <= 128 { worstEstimate = max(worstEstimate, abs(estimate / Double(rank) - 1)) }
            for place in efforts.indices { curves[place].append((Double(rank), recalls[place])) }
            table.rows.append(
                [.count(rank)] + recalls.map { .number($0, decimals: 4) } + [.number(estimate, decimals: 1)]
            )
        }
        findings.tables.append(table)
        findings.charts.append(
            StudyChart(
                "rank", title: "Recall@10 by the rank of the vectors",
                chart: LineChart(
                    series: zip(efforts, curves).map {
                        .init(name: "ef \($0)", points: $1, mark: .dots)
                    },
                    xTitle: "rank (log scale)", yTitle: "recall@10", xScale: .log2, showsPoints: true)))
        let atForty = curves[1].map(\.y)
        let rises = zip(curves[0], curves[0].dropFirst()).count { $1.y >= $0.y }
        findings.bars.append(
            StudyBar(
                "2. steps of rank at which recall@10 (ef 10) does not fall", Double(rises), .atMost, 0))
        // Rank 8 is the second.
        findings.bars.append(
            StudyBar(
                "2. recall@10 (ef 40) at full rank, of that at rank 8", atForty.last! / atForty[1], .atMost,
                0.7))
        findings.bars.append(
            StudyBar(
                "2. largest error of the principal dimension up to rank 128, %", 100 * worstEstimate,
                .atMost, 2))
    }

    private func addLocalDimension(to findings: inout StudyFindings) throws(KuklaError) {
        let count = bench.choose(quick: 2000, full: 100_000)
        var table = StudyTable(
            "Local dimension at 500 of \(count) uniform vectors in a cube (median)",
            columns: ["dimension", "estimate"])
        var worst = 0.0
        for dimension in bench.choose(quick: [2, 8], full: [2, 4, 8, 16]) {
            var random = RandomSource(seed: 1)
            var cube = Matrix(rows: count, columns: dimension)
            cube.withUnsafeMutableBufferPointer {
                for i in $0.indices { $0[i] = random.uniform() }
            }
            let estimates = try LocalDimension.estimate(
                cube, metric: .squaredEuclidean, rows: Array(0..<500), threads: bench.threads
            ).sorted()
            let median = Double(estimates[250])
            worst = max(worst, abs(median / Double(dimension) - 1))
            table.rows.append([.count(dimension), .number(median, decimals: 2)])
        }
        findings.tables.append(table)
        findings.bars.append(
            StudyBar(
                "2. largest error of the local dimension of cubes up to 16, %", 100 * worst, .atMost, 20))
    }
}
