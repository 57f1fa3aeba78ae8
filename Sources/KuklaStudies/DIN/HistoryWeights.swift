import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Whether DIN looks at what is like the candidate: the weights of history films that share a genre with it.
struct HistoryWeights {
    private let runs: InterestRuns

    init(_ runs: InterestRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let genres = try RatedFilms.genres(runs.bench)
        var table = StudyTable(
            "Mean |w| of a history's films, by whether they share a genre with the candidate",
            columns: ["seed", "sharing", "others", "ratio"])
        let (mean, _) = try runs.bench.overSeeds { seed throws(KuklaError) in
            let (sharing, others) = try weights(seed, genres)
            table.rows.append([
                .count(Int(seed)), .number(sharing, decimals: 4), .number(others, decimals: 4),
                .number(sharing / others, decimals: 3),
            ])
            return sharing / others
        }
        findings.tables.append(table)
        findings.bars.append(
            StudyBar(
                "3. mean |w| of films that share a genre with the candidate, over that of the others", mean,
                .atLeast, 1.2))
    }

    private func weights(
        _ seed: UInt64, _ genres: [String: Set<Int>]
    ) throws(KuklaError) -> (sharing: Double, others: Double) {
        let trained = try runs.train(.din, seed: seed)
        guard let network = trained.network as? DeepInterestNetwork else {
            throw KuklaError(.unsupported, "Cannot look at weights: the network is not DIN.")
        }
        let films = runs.set.vocabularies[0]
        let known = (0..<films.count).map { genres[films.value(of: $0) ?? ""] ?? [] }
        var (sums, counts) = ([0.0, 0.0], [0.0, 0.0])
        let rows = runs.set.store.rows(.test)
        for start in stride(from: 0, to: rows.count, by: 1024) {
            let batch = runs.set.store.batch(rows[start..<min(start + 1024, rows.count)])
            guard let weights = network.weights(of: 0, trained.scorer.input(batch)) else { continue }
            let list = batch.lists[0]
            for (event, row) in list.owners.enumerated() {
                // Films that training never saw have no vector, and say nothing about genres.
                let (own, other) = (Int(batch.ids[Int(row) * 4]), Int(list.ids[2 * event]))
                guard own < known.count, other < known.count else { continue }
                let place = known[own].isDisjoint(with: known[other]) ? 1 : 0
                sums[place] += Double(abs(weights[event]))
                counts[place] += 1
            }
        }
        return (sums[0] / counts[0], sums[1] / counts[1])
    }
}
