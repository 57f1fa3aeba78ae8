import Foundation

/// Mean of some seeds, with the least and the largest.
struct Spread {
    let mean: Double
    let note: String

    init(_ values: [Double], decimals: Int = 4) {
        mean = values.reduce(0, +) / Double(values.count)
        note =
            values.count < 2
            ? "one seed"
            : String(
                format: "seeds %.\(decimals)f to %.\(decimals)f", values.min() ?? .nan, values.max() ?? .nan)
    }
}
