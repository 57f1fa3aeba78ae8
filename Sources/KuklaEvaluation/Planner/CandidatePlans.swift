import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// Which ways of storing vectors are worth measuring for a budget.
///
/// Every family of codecs is taken at the largest size that fits: fewer dimensions at more bits against more
/// dimensions at fewer bits is the question that only a measurement answers.
enum CandidatePlans {
    /// Plans that cost at most `budget` bytes a vector and more than half of it (smaller ones belong to smaller
    /// budgets), for vectors of `dimensions` components.
    static func fitting(
        budget: Double, dimensions: Int, metric: Metric
    ) -> [IndexConfiguration] {
        let words =
            ["F32", "F16", "SQ8", "SQ6", "SQ4", "B1", "RQ1", "RQ2", "RQ3", "RQ4", "RQ6"].flatMap {
                shortened(to: budget, quantizer: $0, dimensions: dimensions, metric: metric)
            } + products(budget: budget, dimensions: dimensions) + refinements
        // No plan costs more than the floats themselves: a budget beyond them asks for what they hold.
        let least = min(budget, Double(4 * dimensions)) / 2
        var seen = Set<String>()
        return words.compactMap { word in
            guard let plan = try? IndexConfiguration(parsing: word),
                let bytes = try? plan.bytesPerVector(dimensions: dimensions, metric: metric),
                bytes <= budget, bytes > least, seen.insert(plan.description).inserted
            else { return nil }
            return plan
        }
    }

    /// `quantizer` on all dimensions, or behind the transforms that shorten vectors to as many as fit.
    private static func shortened(
        to budget: Double, quantizer: String, dimensions: Int, metric: Metric
    ) -> [String] {
        func fits(_ word: String) -> Bool {
            guard let configuration = try? CodecConfiguration(parsing: word),
                let bytes = try? configuration.bytesPerVector(dimensions: dimensions, metric: metric)
            else { return false }
            return bytes <= budget
        }
        if fits(quantizer) { return [quantizer] }
        // Multiples of 8 keep codes on byte borders; below 16 every dimension counts.
        let sizes = (1..<dimensions).reversed().filter { $0 % 8 == 0 || $0 < 16 }
        guard let size = sizes.first(where: { fits("PCA\($0),\(quantizer)") }) else { return [] }
        return ["PCA\(size),\(quantizer)", "MRL\(size),\(quantizer)"]
            // Bits of few levels want components of like variance.
            + (["SQ4", "B1"].contains(quantizer) ? ["PCAR\(size),\(quantizer)"] : [])
    }

    /// Product codes, plain and behind a trained rotation: 8 bits a part, and 4 bits for twice as many parts.
    private static func products(budget: Double, dimensions: Int) -> [String] {
        func variants(parts limit: Int, _ word: (Int) -> String) -> [String] {
            let limit = min(limit, dimensions)
            guard limit > 0 else { return [] }
            let divisor = (1...limit).last { dimensions % $0 == 0 } ?? 1
            let kept = dimensions / limit * limit
            let rotated = kept == dimensions ? "OPQ\(limit)" : "OPQ\(limit)_\(kept)"
            return [word(divisor), "\(rotated),\(word(limit))"]
        }
        return variants(parts: Int(budget)) { "PQ\($0)" } + variants(parts: Int(budget * 2)) { "PQ\($0)x4fs" }
    }

    /// Coarse codes for the scan and finer ones for the few that remain, where the budget holds both.
    private static let refinements = ["B1,Refine(SQ4)", "B1,Refine(SQ8)", "SQ4,Refine(SQ8)"]
}
