import Foundation
public import KuklaNumerics

/// The key `schedule`: how the learning rate goes over a run, a name alone (`schedule: cosine`) or with settings.
public struct ScheduleSettings: RecipePart {
    /// The shapes that a recipe can name.
    public enum Name: String, RecipeChoice {
        /// The same rate throughout.
        case constant
        /// Down a straight line.
        case linear
        /// Down half a cosine.
        case cosine
        /// Times `step_factor` every `step_every` steps.
        case step
    }

    public var name = Name.linear
    /// Steps in which the rate rises from 0.
    public var warmupSteps = 0
    /// The same as a share of all steps; the larger of both counts.
    public var warmupFraction: Float = 0
    /// The rate at the end, as a share of the largest.
    public var finalFraction: Float = 0
    /// Of `step`: steps between changes.
    public var stepEvery = 1000
    /// Of `step`: what the rate is multiplied by.
    public var stepFactor: Float = 0.1

    public init(_ name: Name = .linear) { self.name = name }

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("name", &name)
        try fields.field("warmup_steps", &warmupSteps, .atLeast(0))
        try fields.field("warmup_fraction", &warmupFraction, .fraction)
        try fields.field("final_fraction", &finalFraction, .fraction)
        try fields.field("step_every", &stepEvery, .atLeast(1))
        try fields.field("step_factor", &stepFactor, .fraction)
    }

    /// What the largest learning rate is multiplied by at `step`, which counts from 1, of `total`.
    public func factor(step: Int, total: Int) -> Float {
        let warmup = max(warmupSteps, Int((Float(total) * warmupFraction).rounded()))
        if step <= warmup { return Float(step) / Float(warmup) }
        // 0 just after the warm-up; the step after the last would have 1.
        let way = Float(step - warmup - 1) / Float(max(total - warmup, 1))
        switch name {
        case .constant: return 1
        case .linear: return finalFraction + (1 - finalFraction) * (1 - way)
        case .cosine: return finalFraction + (1 - finalFraction) * (1 + cos(.pi * way)) / 2
        case .step: return pow(stepFactor, Float((step - warmup - 1) / stepEvery))
        }
    }
}
