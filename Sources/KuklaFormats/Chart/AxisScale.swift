import Foundation

/// How values lie along an axis: the range shown, and the values that get a line and a number.
public struct AxisScale: Sendable, Equatable {
    /// The spacing of values.
    public enum Kind: Sendable, Equatable {
        case linear
        /// Each doubling takes the same length; for bytes and counts. Values must be above 0.
        case log2
        /// Each tenfold takes the same length; for losses and rates. Values must be above 0.
        case log10
    }

    let kind: Kind
    let domain: ClosedRange<Double>
    let ticks: [Double]

    /// A scale that shows all `values` with some air around them and at most about `maximumTicks` numbers.
    ///
    /// Values that are not finite, and values at or below 0 on a log scale, have no place and are left out.
    /// `limit` is the largest value there can be (1 for a recall): no number above it is printed.
    package init(_ kind: Kind, showing values: [Double], maximumTicks: Int, limit: Double = .infinity) {
        self.kind = kind
        let shown = values.filter { $0.isFinite && (kind == .linear || $0 > 0) }
        let low = shown.min() ?? 1
        let high = shown.max() ?? 1
        switch kind {
        case .linear:
            // Values that differ by rounding only are equal: their difference cannot be told on an axis.
            let largest = max(abs(low), abs(high))
            let span = high - low > largest * 1e-9 ? high - low : max(largest * 0.1, 1e-3)
            let step = Self.niceStep(span / Double(max(1, maximumTicks - 1)))
            // Air below, but not below zero where nothing is.
            let start = ((low - span * 0.04) / step).rounded(.down)
            let first = low >= 0 ? max(0, start) : start
            let last = ((high + span * 0.04) / step).rounded(.up)
            ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
                .filter { $0 <= limit + step * 1e-9 }
            // Past the limit only a little air, so that a mark on it is drawn whole.
            domain =
                first * step...(last * step <= limit ? last * step : limit + (limit - first * step) * 0.04)
        case .log2:
            let (l, h) = Self.padded(Foundation.log2(low), Foundation.log2(high))
            domain = exp2(l)...exp2(h)
            ticks = Self.powers(l, h, maximumTicks).map { exp2(Double($0)) }
        case .log10:
            let (l, h) = Self.padded(Foundation.log10(low), Foundation.log10(high))
            domain = pow(10, l)...pow(10, h)
            let decades = Self.powers(l, h, maximumTicks).map { pow(10, Double($0)) }
            if decades.count >= 3 {
                ticks = decades
            } else {
                let range = domain
                ticks = (Int(l.rounded(.down))...Int(h.rounded(.up)))
                    .flatMap { e in [1.0, 2, 5].map { $0 * pow(10, Double(e)) } }
                    .filter { range.contains($0) }
            }
        }
    }

    /// Where `value` lies: 0 at the start of the axis, 1 at its end.
    func position(_ value: Double) -> Double {
        let t: (Double) -> Double =
            switch kind {
            case .linear: { $0 }
            case .log2, .log10: { log($0) }
            }
        return (t(value) - t(domain.lowerBound)) / (t(domain.upperBound) - t(domain.lowerBound))
    }

    /// A tick's number, with the decimals that its step needs.
    func label(_ tick: Double) -> String {
        guard kind == .linear, ticks.count > 1 else {
            return tick >= 1 && tick < 1e15 ? Quantity.count(Int(tick.rounded())) : Quantity.significant(tick)
        }
        let step = ticks[1] - ticks[0]
        let decimals = max(0, Int((-Foundation.log10(step) - 1e-9).rounded(.up)))
        if decimals == 0, abs(tick) < 1e15 { return Quantity.count(Int(tick.rounded())) }
        return String(format: "%.\(min(decimals, 9))f", tick == 0 ? 0 : tick)
    }

    /// 1, 2 or 5 times a power of ten, at least `rough`.
    private static func niceStep(_ rough: Double) -> Double {
        let power = pow(10, floor(Foundation.log10(rough)))
        let ratio = rough / power
        return (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10) * power
    }

    private static func padded(_ low: Double, _ high: Double) -> (Double, Double) {
        high > low
            ? (low - max(0.05 * (high - low), 0.1), high + max(0.05 * (high - low), 0.1))
            : (low - 1, high + 1)
    }

    /// Whole exponents in `low...high`, every n-th where there would be too many.
    private static func powers(_ low: Double, _ high: Double, _ maximum: Int) -> [Int] {
        let first = Int(low.rounded(.up))
        let last = Int(high.rounded(.down))
        guard first <= last else { return [] }
        let stride = max(1, (last - first) / max(1, maximum) + 1)
        return (first...last).filter { $0.isMultiple(of: stride) || stride == 1 }
    }
}
