import Foundation
import KuklaFormats

/// What a plan must keep to; a limit that is `nil` is none.
public struct PlanLimits: Codable, Hashable, Sendable {
    /// Bytes that one vector may cost, its links or its place in a list among them (`CodedIndex.bytesPerVector`).
    public var bytesPerVector: Double?
    /// Bytes that the index of all vectors may take in memory, with codebooks and centres of lists.
    public var residentBytes: Double?
    /// Milliseconds that the median query may take, alone on one thread.
    ///
    /// The median, because the hundredth slowest of some hundred queries says more about what else the machine did than
    /// about the plan; the report shows that one too.
    public var latencyMilliseconds: Double?
    /// The least recall@k against exact float search, in `0...1`.
    public var recall: Double?

    public init(
        bytesPerVector: Double? = nil, residentBytes: Double? = nil, latencyMilliseconds: Double? = nil,
        recall: Double? = nil
    ) {
        self.bytesPerVector = bytesPerVector
        self.residentBytes = residentBytes
        self.latencyMilliseconds = latencyMilliseconds
        self.recall = recall
    }

    /// Bytes a vector that both limits of size leave for `count` vectors; `nil` where there is none.
    public func ceiling(count: Int) -> Double? {
        [bytesPerVector, residentBytes.map { $0 / Double(count) }].compactMap { $0 }.min()
    }
}

extension PlanLimits {
    /// One of the limits.
    enum Kind: String, CaseIterable {
        case budget, memory, latency, recall
    }

    /// The limits that there are.
    var kinds: [Kind] { Kind.allCases.filter { value($0) != nil } }

    private func value(_ kind: Kind) -> Double? {
        switch kind {
        case .budget: bytesPerVector
        case .memory: residentBytes
        case .latency: latencyMilliseconds
        case .recall: recall
        }
    }

    /// By which part of the limit `plan` is over it, 0 where it keeps to it. A recall is over by what is missed.
    func excess(_ kind: Kind, of plan: FitReport.Plan) -> Double {
        guard let limit = value(kind) else { return 0 }
        switch kind {
        case .budget: return max(0, plan.bytesPerVector / limit - 1)
        case .memory: return max(0, Double(plan.residentBytes) / limit - 1)
        case .latency: return plan.p50Milliseconds.map { max(0, $0 / limit - 1) } ?? .infinity
        case .recall: return max(0, limit - plan.recall)
        }
    }

    /// Whether `plan` keeps to all limits but those of `relaxed`.
    func isMet(by plan: FitReport.Plan, except relaxed: Kind...) -> Bool {
        kinds.allSatisfy { relaxed.contains($0) || excess($0, of: plan) == 0 }
    }

    /// The limit with its unit.
    func text(_ kind: Kind) -> String {
        let limit = value(kind) ?? 0
        switch kind {
        case .budget: return "\(Quantity.bytesPerVector(limit)) bytes a vector"
        case .memory: return Quantity.bytes(Int(limit))
        case .latency: return "\(Quantity.rate(limit)) ms"
        case .recall: return Quantity.fraction(limit)
        }
    }

    /// As `plan` would need it, as the command line's option.
    func option(_ kind: Kind, for plan: FitReport.Plan) -> String {
        switch kind {
        case .budget: "--budget \(Int(plan.bytesPerVector.rounded(.up)))B"
        case .memory: "--memory \(Int((Double(plan.residentBytes) / 1000).rounded(.up)))kB"
        case .latency: "--latency \(Quantity.rate(plan.p50Milliseconds ?? 0))ms"
        case .recall: "--recall \(Quantity.fraction((plan.recall * 1000).rounded(.down) / 1000))"
        }
    }
}
