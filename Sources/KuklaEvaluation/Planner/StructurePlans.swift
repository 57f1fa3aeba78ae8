import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// Which graphs and lists are worth measuring over plans that were measured by comparing all vectors.
///
/// A search of less than all finds at most what comparing all finds, or little more. So a structure is tried only over a
/// plan whose own recall is enough, and only where it could be chosen: where speed counts.
struct StructurePlans {
    let limits: PlanLimits
    let dimensions: Int
    let metric: Metric
    /// Vectors of the collection.
    let count: Int

    /// Plans that structures are tried over, at most.
    private static let mostBases = 4

    /// Graphs and lists over `flats`, of at most `ceiling` bytes a vector.
    func over(_ flats: [MeasuredPlan], ceiling: Double) -> [IndexConfiguration] {
        guard limits.recall != nil || limits.latencyMilliseconds != nil else { return [] }
        let largest = min(ceiling, worthwhileSize(flats))
        func fits(_ plan: IndexConfiguration) -> Bool {
            // Codes that lie in blocks, which no graph can pick from, are no configuration.
            guard let bytes = try? plan.bytesPerVector(dimensions: dimensions, metric: metric) else {
                return false
            }
            return bytes <= largest
        }
        return bases(of: flats, leaving: { structured($0).contains(where: fits) }).flatMap {
            structured($0).filter(fits)
        }
    }

    /// `flats` with sign bits before their codes: a scan or a walk by bits, ranked by the codes that there were.
    func ranked(_ flats: [MeasuredPlan], ceiling: Double) -> [IndexConfiguration] {
        guard limits.recall != nil || limits.latencyMilliseconds != nil else { return [] }
        let known = Set(flats.map(\.candidate.configuration))
        return bases(of: flats, leaving: { $0.refinement == nil }).compactMap { base in
            guard let plan = try? IndexConfiguration(parsing: "B1,Refine(\(base))"), !known.contains(plan),
                let bytes = try? plan.bytesPerVector(dimensions: dimensions, metric: metric),
                bytes <= min(ceiling, worthwhileSize(flats))
            else { return nil }
            return plan
        }
    }

    /// What a faster plan may cost: with a wanted recall size comes first.
    private func worthwhileSize(_ flats: [MeasuredPlan]) -> Double {
        guard limits.recall != nil else { return .infinity }
        let enough = flats.map(\.figures).filter { limits.isMet(by: $0) }.map(\.bytesPerVector).min()
        return enough.map { PlanChoice.equalSizes * $0 } ?? .infinity
    }

    /// The plans to build over: none beats another both in size and in recall.
    private func bases(
        of flats: [MeasuredPlan], leaving isUsable: (IndexConfiguration) -> Bool
    ) -> [IndexConfiguration] {
        let slowest =
            limits.recall ?? flats.map(\.figures).filter { limits.isMet(by: $0) }.map(\.recall).max()
        let usable = flats.filter {
            $0.candidate.configuration.structure == .flat && isUsable($0.candidate.configuration)
                && $0.recall.mean >= slowest ?? 0
        }
        .sorted {
            ($0.figures.bytesPerVector, -$0.recall.mean) < ($1.figures.bytesPerVector, -$1.recall.mean)
        }
        var front: [MeasuredPlan] = []
        for plan in usable where plan.recall.mean > front.last?.recall.mean ?? -1 { front.append(plan) }
        // The smallest, the best, and some between.
        let picked = min(front.count, Self.mostBases)
        return (0..<picked).map { front[picked == 1 ? 0 : $0 * (front.count - 1) / (picked - 1)] }
            .map(\.candidate.configuration)
    }

    /// `base` behind lists and graphs: about as many lists as vectors in one and 4 times as many, and graphs of few and of
    /// the usual number of links.
    private func structured(_ base: IndexConfiguration) -> [IndexConfiguration] {
        var root = 1
        while 4 * root * root <= count { root *= 2 }
        // Lists of which the centres are means of less than 40 vectors are not trained well.
        let lists = [root, 4 * root].filter { $0 > 1 && 40 * $0 <= count }
        return
            (lists.map { .lists(IVFConfiguration($0)) }
            + [8, 16].map { .graph(HNSWConfiguration(links: $0)) })
            .map { IndexConfiguration(structure: $0, codec: base.codec, refinement: base.refinement) }
    }
}
