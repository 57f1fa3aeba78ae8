import KuklaFormats
import KuklaNumerics

/// Which of the measured plans is the best one, and what to say where none will do.
///
/// Without a wanted recall: of the plans that keep to all limits the one with the best recall; of equal ones the smallest,
/// then the fastest. With a wanted recall: the smallest that reaches it; of those at most a tenth larger, the fastest. (A
/// graph or lists always cost some bytes more than comparing all: without the tenth they could never be chosen for being
/// ten times as fast.)
struct PlanChoice {
    let limits: PlanLimits
    /// All of them measured on all vectors.
    let finalists: [MeasuredPlan]

    /// Whether nDCG says which plan is best, where there is one, in place of recall.
    var ranksByNDCG = false

    /// What sizes may differ by and count as equal.
    static let equalSizes = 1.1

    /// The plan to take; `nil` where none keeps to all limits.
    var best: MeasuredPlan? {
        let possible = finalists.filter { limits.isMet(by: $0.figures) }
        guard limits.recall != nil else {
            return possible.max { isWorse($0.figures, $1.figures) }
        }
        guard let smallest = possible.map(\.figures.bytesPerVector).min() else { return nil }
        return possible.filter { $0.figures.bytesPerVector <= Self.equalSizes * smallest }
            .min {
                ($0.figures.p50Milliseconds ?? .infinity, -$0.recall.mean)
                    < ($1.figures.p50Milliseconds ?? .infinity, -$1.recall.mean)
            }
    }

    private func isWorse(_ a: FitReport.Plan, _ b: FitReport.Plan) -> Bool {
        guard ranksByNDCG, let mine = a.ndcg, let other = b.ndcg, mine != other else {
            return Self.isWorse(a, b)
        }
        return mine < other
    }

    /// By recall, then size, then speed.
    static func isWorse(_ a: FitReport.Plan, _ b: FitReport.Plan) -> Bool {
        (a.recall, -a.bytesPerVector, a.queriesPerSecond) < (b.recall, -b.bytesPerVector, b.queriesPerSecond)
    }

    /// Which limits are in the way, and the nearest plan for each that might be relaxed.
    func nothingMeets(neighbors k: Int) -> KuklaError {
        func describe(_ plan: FitReport.Plan) -> String {
            let latency = plan.p50Milliseconds.map { ", \(Quantity.rate($0)) ms" } ?? ""
            return
                "\(plan.name) (recall@\(k) \(Quantity.fraction(plan.recall)), \(Quantity.bytesPerVector(plan.bytesPerVector)) bytes a vector, \(Quantity.bytes(plan.residentBytes))\(latency))"
        }
        let plans = finalists.map(\.figures)
        let nearest = limits.kinds.compactMap { kind in
            plans.filter { limits.isMet(by: $0, except: kind) }
                .min {
                    let (a, b) = (limits.excess(kind, of: $0), limits.excess(kind, of: $1))
                    return a == b ? Self.isWorse($1, $0) : a < b
                }
                .map { (kind: kind, plan: $0) }
        }
        let asked = limits.kinds.map { "\($0.rawValue) \(limits.text($0))" }.joined(separator: ", ")
        guard !nearest.isEmpty else {
            func worst(_ plan: FitReport.Plan) -> Double {
                limits.kinds.map { limits.excess($0, of: plan) }.max() ?? 0
            }
            let plan = plans.min { worst($0) < worst($1) }
            return KuklaError(
                .badData,
                "No plan meets all limits (\(asked)), and to relax one of them is not enough. Nearest to all: \(plan.map(describe) ?? "none")."
            )
        }
        let binding = nearest.map(\.kind.rawValue).joined(separator: " or ")
        let ways = nearest.map { "With \(limits.option($0.kind, for: $0.plan)): \(describe($0.plan))." }
        return KuklaError(
            .badData,
            "No plan meets all limits (\(asked)): what binds is \(binding). \(ways.joined(separator: " "))")
    }
}
