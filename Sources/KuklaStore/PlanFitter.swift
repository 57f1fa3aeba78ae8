public import Foundation
public import KuklaIndex
public import KuklaNumerics

/// Finds what index is best for vectors within a budget: the budget planner, which lives above this room.
public protocol PlanFitter: Sendable {
    /// - Parameters:
    ///   - vectors: a sample, `[n, dimensions]`.
    ///   - count: how many vectors the index will hold.
    /// - Throws: `KuklaError` where nothing fits.
    func fit(
        _ vectors: Matrix, count: Int, bytesPerVector: Double, metric: Metric
    ) throws(KuklaError) -> FittedPlan
}

/// What a `PlanFitter` found.
public struct FittedPlan: Codable, Hashable, Sendable {
    public let configuration: IndexConfiguration
    /// How thorough searches are to be, where the index has a choice.
    public let effort: Int?
    /// JSON that says why; kept with the index.
    public let report: Data?

    public init(configuration: IndexConfiguration, effort: Int? = nil, report: Data? = nil) {
        self.configuration = configuration
        self.effort = effort
        self.report = report
    }
}
