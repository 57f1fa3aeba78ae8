public import KuklaNumerics

/// How two lists of numbers move together: Pearson's and Spearman's coefficients.
public enum Correlation {
    /// Pearson's product-moment coefficient of `x` and `y`, in `[-1, 1]`.
    ///
    /// `r = Σ (x - mean x)(y - mean y) / (|x - mean x| |y - mean y|)`, in double, each side scaled by its
    /// largest deviation first so that squares neither overflow nor vanish. O(n).
    ///
    /// - Throws: `KuklaError.badData` where the lists differ in length, hold fewer than two pairs, hold a
    ///   value that is not finite, or where one side is constant: the coefficient is then not defined.
    public static func pearson(_ x: [Double], _ y: [Double]) throws(KuklaError) -> Double {
        try check(x, y, named: "Pearson")
        let a = unitDeviations(x)
        let b = unitDeviations(y)
        var sum = 0.0
        for i in a.indices { sum += a[i] * b[i] }
        return max(-1, min(1, sum))
    }

    /// Spearman's rank coefficient of `x` and `y`, in `[-1, 1]`: Pearson's of their average ranks. O(n log n).
    ///
    /// - Throws: as `pearson`.
    public static func spearman(_ x: [Double], _ y: [Double]) throws(KuklaError) -> Double {
        try check(x, y, named: "Spearman")
        return try pearson(averageRanks(x), averageRanks(y))
    }

    /// The ranks 1...n of `values`, smallest first; equal values share the average of their ranks.
    ///
    /// No value may be NaN. O(n log n).
    public static func averageRanks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            let shared = Double(start + 1 + end) / 2
            for i in start..<end { ranks[order[i]] = shared }
            start = end
        }
        return ranks
    }

    private static func check(_ x: [Double], _ y: [Double], named name: String) throws(KuklaError) {
        guard x.count == y.count else {
            throw KuklaError(
                .badData,
                "\(name) correlation needs two lists of one length, but they hold \(x.count) and \(y.count) values"
            )
        }
        guard x.count >= 2 else {
            throw KuklaError(
                .badData, "\(name) correlation needs at least two pairs of values, but there are \(x.count)")
        }
        for (side, values) in [("first", x), ("second", y)] {
            if let i = values.firstIndex(where: { !$0.isFinite }) {
                throw KuklaError(
                    .badData,
                    "\(name) correlation needs finite values, but value \(i) of the \(side) list is \(values[i])"
                )
            }
            // Asked of the values, since a rounded mean leaves deviations of a constant list tiny, not zero.
            guard values.contains(where: { $0 != values[0] }) else {
                throw KuklaError(
                    .badData,
                    "\(name) correlation is not defined: all \(values.count) values of the \(side) list are "
                        + "\(values[0])")
            }
        }
    }

    /// `values - mean`, scaled to length 1.
    private static func unitDeviations(_ values: [Double]) -> [Double] {
        // Halved before the sum, so that values near the largest double do not overflow it.
        let n = Double(values.count)
        let mean = values.reduce(0) { $0 + $1 / n }
        var deviations = values.map { $0 / 2 - mean / 2 }
        let largest = deviations.reduce(0) { max($0, abs($1)) }
        var squares = 0.0
        for i in deviations.indices {
            deviations[i] /= largest
            squares += deviations[i] * deviations[i]
        }
        let norm = squares.squareRoot()
        for i in deviations.indices { deviations[i] /= norm }
        return deviations
    }
}
