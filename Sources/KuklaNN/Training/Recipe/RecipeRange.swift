/// Which numbers a recipe's key takes, and the words that say so in an error.
public struct RecipeRange: Sendable {
    /// Completes "expected a number ...".
    public let words: String
    let contains: @Sendable (Double) -> Bool

    init(_ words: String, _ contains: @escaping @Sendable (Double) -> Bool) {
        self.words = words
        self.contains = contains
    }

    /// Any finite number.
    public static let any = RecipeRange("") { $0.isFinite }
    /// Above 0.
    public static let positive = RecipeRange("above 0") { $0 > 0 && $0.isFinite }
    /// 0 and above.
    public static let notNegative = RecipeRange("of at least 0") { $0 >= 0 && $0.isFinite }
    /// From 0 to 1, both included.
    public static let fraction = RecipeRange("from 0 to 1") { (0...1).contains($0) }
    /// From 0 to 1, 1 excluded: a dropout rate, a momentum.
    public static let belowOne = RecipeRange("from 0 to below 1") { (0..<1).contains($0) }

    /// `minimum` and above.
    public static func atLeast(_ minimum: Int) -> RecipeRange {
        RecipeRange("of at least \(minimum)") { $0 >= Double(minimum) && $0.isFinite }
    }

    /// From the lower bound to the upper, both included, as the `Float`s that settings are: `Float(0.01)` is less than 0.01.
    public static func within(_ range: ClosedRange<Double>) -> RecipeRange {
        let rounded = Float(range.lowerBound)...Float(range.upperBound)
        return RecipeRange("from \(range.lowerBound) to \(range.upperBound)") { rounded.contains(Float($0)) }
    }
}
