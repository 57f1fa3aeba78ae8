import Foundation
import KuklaNumerics

/// 95% confidence intervals, for saying how far a measured figure can be trusted.
public enum ConfidenceInterval {
    /// The standard normal distribution's 97.5% point.
    package static let z = 1.959963984540054

    /// The interval of a mean by the normal approximation: `mean ± 1.96 s / √n`.
    ///
    /// `s` is the sample standard deviation (n - 1). One value, or equal values, give an interval of width
    /// zero, which says nothing about the next value; `AgreementRecall` handles that case. O(n).
    ///
    /// - Precondition: `values` is not empty.
    public static func ofMean(_ values: [Double]) -> ClosedRange<Double> {
        contract(!values.isEmpty, "ConfidenceInterval.ofMean: no values")
        let n = Double(values.count)
        let mean = values.reduce(0, +) / n
        guard values.count > 1 else { return mean...mean }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
        let half = z * (variance / n).squareRoot()
        return (mean - half)...(mean + half)
    }

    /// The interval of a mean by the percentile bootstrap (Efron 1979): the 2.5% and 97.5% points of the
    /// means of `resamples` draws with replacement.
    ///
    /// Needs no normality; prefer it below about 50 values or where most values are equal. The same seed
    /// gives the same interval. O(n · resamples).
    ///
    /// - Precondition: `values` is not empty and `resamples > 0`.
    public static func bootstrapOfMean(
        _ values: [Double], resamples: Int = 2_000, seed: UInt64
    ) -> ClosedRange<Double> {
        contract(!values.isEmpty && resamples > 0, "ConfidenceInterval.bootstrapOfMean: nothing to draw")
        var random = RandomSource(seed: seed)
        var means = (0..<resamples).map { _ in
            var sum = 0.0
            for _ in values.indices { sum += values[Int.random(in: values.indices, using: &random)] }
            return sum / Double(values.count)
        }
        means.sort()
        return quantile(0.025, of: means)...quantile(0.975, of: means)
    }

    /// The interval of a proportion of `successes` in `trials` (Wilson 1927), inside `[0, 1]`.
    ///
    /// Honest at the edges too: 10 of 10 gives 0.72...1, not 1...1. O(1).
    ///
    /// - Precondition: `0 <= successes <= trials` and `trials > 0`.
    public static func wilson(successes: Double, trials: Double) -> ClosedRange<Double> {
        contract(
            trials > 0 && successes >= 0 && successes <= trials,
            "ConfidenceInterval.wilson: \(successes) of \(trials)")
        let p = successes / trials
        let square = z * z
        let centre = (p + square / (2 * trials)) / (1 + square / trials)
        let half =
            z / (1 + square / trials) * (p * (1 - p) / trials + square / (4 * trials * trials)).squareRoot()
        // At the edges the formula gives 0 and 1 up to rounding.
        let low = successes == 0 ? 0 : max(0, centre - half)
        let high = successes == trials ? 1 : min(1, centre + half)
        return low...high
    }

    /// The `fraction` point of sorted values, linear between neighbours.
    private static func quantile(_ fraction: Double, of sorted: [Double]) -> Double {
        let position = fraction * Double(sorted.count - 1)
        let low = Int(position)
        let high = min(low + 1, sorted.count - 1)
        return sorted[low] + (sorted[high] - sorted[low]) * (position - Double(low))
    }
}
