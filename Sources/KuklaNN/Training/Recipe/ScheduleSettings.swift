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
        /// Times `step_factor` every `step_every` steps, without warm-up.
        case step
        /// Up half a cosine over the first 30% of the steps, then down another to almost nothing.
        case oneCycle = "one_cycle"
        /// Down with the square root of the step.
        case inverseSquareRoot = "inverse_sqrt"
    }

    public var name = Name.linear
    /// Steps in which the rate rises from 0; of `one_cycle` from a 25th.
    public var warmupSteps = 0
    /// The same as a share of all steps; the larger of both counts.
    public var warmupFraction: Float = 0
    /// Of `linear` and `cosine`: the rate at the end, as a share of the largest.
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

    /// The schedule of a run of `total` steps whose largest learning rate is `rate`.
    public func schedule(rate: Float, total: Int) -> Schedule {
        let warmup = max(warmupSteps, Int((Float(total) * warmupFraction).rounded()))
        let floor = rate * finalFraction
        return switch name {
        case .constant: .constant(rate: rate, warmup: warmup)
        case .linear: .linear(rate: rate, warmup: warmup, total: total, floor: floor)
        case .cosine: .cosine(rate: rate, warmup: warmup, total: total, floor: floor)
        case .step: .step(rate: rate, every: stepEvery, factor: stepFactor)
        case .oneCycle:
            .oneCycle(rate: rate, total: total, rise: warmup > 0 ? Float(warmup) / Float(total) : 0.3)
        case .inverseSquareRoot: .inverseSquareRoot(rate: rate, warmup: warmup)
        }
    }
}
