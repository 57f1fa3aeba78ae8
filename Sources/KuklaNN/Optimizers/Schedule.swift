import Foundation

/// The learning rate as a function of the step.
///
/// Steps count from 0: the rate at step 0 is that of the first update, as PyTorch's and Hugging Face's schedulers have it.
/// After the last step of a schedule its last rate stays. A value of settings; in JSON or YAML
/// `{"cosine": {"rate": 2e-5, "warmup": 100, "total": 1000, "floor": 0, "cycles": 0.5}}`.
public enum Schedule: Sendable, Equatable {
    /// Linear from 0 to `rate` over `warmup` steps, then constant.
    case constant(rate: Float, warmup: Int = 0)
    /// Linear from 0 to `rate` over `warmup` steps, then linear to `floor` at step `total`.
    case linear(rate: Float, warmup: Int = 0, total: Int, floor: Float = 0)
    /// Linear from 0 to `rate` over `warmup` steps, then down to `floor` at step `total` along half a cosine.
    /// *Source:* Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", arXiv:1608.03983.
    case cosine(rate: Float, warmup: Int = 0, total: Int, floor: Float = 0)
    /// `rate`, multiplied by `factor` after every `every` steps.
    case step(rate: Float, every: Int, factor: Float)
    /// Up to `rate` along half a cosine over the first `rise` of `total` steps (0...1), then down to a tiny rate along another:
    /// from `rate / start` to `rate / (start * end)`.
    /// *Source:* Smith and Topin 2018, "Super-convergence", arXiv:1708.07120, in PyTorch's form.
    case oneCycle(rate: Float, total: Int, rise: Float = 0.3, start: Float = 25, end: Float = 1e4)
    /// Linear from 0 to `rate` over `warmup` steps, then `rate sqrt(warmup / step)` (`warmup` 0 counts as 1).
    /// *Source:* Vaswani et al. 2017, "Attention is all you need", section 5.3.
    case inverseSquareRoot(rate: Float, warmup: Int)
}

extension Schedule {
    /// The learning rate of the update after `step` others.
    public func rate(at step: Int) -> Float {
        let step = max(step, 0)
        switch self {
        case .constant(let rate, let warmup):
            return rate * Float(Schedule.warmup(step, warmup))
        case .linear(let rate, let warmup, let total, let floor):
            guard step >= warmup else { return rate * Float(Schedule.warmup(step, warmup)) }
            return Schedule.between(rate, floor, Schedule.progress(step, from: warmup, to: total))
        case .cosine(let rate, let warmup, let total, let floor):
            guard step >= warmup else { return rate * Float(Schedule.warmup(step, warmup)) }
            let progress = Schedule.progress(step, from: warmup, to: total)
            return Schedule.between(rate, floor, (1 - cos(.pi * progress)) / 2)
        case .step(let rate, let every, let factor):
            return Float(Double(rate) * pow(Double(factor), Double(step / max(every, 1))))
        case .oneCycle(let rate, let total, let rise, let start, let end):
            let first = rate / start
            // PyTorch's count: the top is at step rise * total - 1, the end at step total - 1.
            let top = Double(rise) * Double(total) - 1
            let last = Double(total - 1)
            let at = min(Double(step), max(last, 0))
            if at <= top { return Schedule.between(first, rate, (1 - cos(.pi * at / max(top, 1e-9))) / 2) }
            let progress = last > top ? (at - top) / (last - top) : 1
            return Schedule.between(rate, first / end, (1 - cos(.pi * progress)) / 2)
        case .inverseSquareRoot(let rate, let warmup):
            guard step >= warmup else { return rate * Float(Schedule.warmup(step, warmup)) }
            let warmup = Double(max(warmup, 1))
            return Float(Double(rate) * (warmup / max(Double(step), warmup)).squareRoot())
        }
    }

    private static func warmup(_ step: Int, _ warmup: Int) -> Double {
        step < warmup ? Double(step) / Double(warmup) : 1
    }

    // 0 at `start`, 1 from `end` on.
    private static func progress(_ step: Int, from start: Int, to end: Int) -> Double {
        step >= end ? 1 : Double(step - start) / Double(end - start)
    }

    private static func between(_ a: Float, _ b: Float, _ part: Double) -> Float {
        Float(Double(a) + (Double(b) - Double(a)) * part)
    }
}
