/// A single value that may stand behind a recipe's key.
public protocol RecipeScalar: Sendable, Equatable {
    /// Completes "expected ...": `a whole number`.
    static var recipeKind: String { get }
    /// The value that `text` means; nil where it means none.
    init?(recipeText text: String)
    /// The text that means this value.
    var recipeText: String { get }
    /// The value as a number, for ranges; nil where it is none.
    var recipeNumber: Double? { get }
}

extension RecipeScalar {
    public var recipeNumber: Double? { nil }
}

extension Int: RecipeScalar {
    public static var recipeKind: String { "a whole number" }
    public init?(recipeText text: String) { self.init(text) }
    public var recipeText: String { String(self) }
    public var recipeNumber: Double? { Double(self) }
}

extension UInt64: RecipeScalar {
    public static var recipeKind: String { "a whole number" }
    public init?(recipeText text: String) { self.init(text) }
    public var recipeText: String { String(self) }
    public var recipeNumber: Double? { Double(self) }
}

extension Float: RecipeScalar {
    public static var recipeKind: String { Double.recipeKind }
    public init?(recipeText text: String) {
        guard isDecimal(text) else { return nil }
        self.init(text)
    }
    public var recipeText: String { withPoint(description) }
    public var recipeNumber: Double? { Double(self) }
}

extension Double: RecipeScalar {
    public static var recipeKind: String { "a number" }
    public init?(recipeText text: String) {
        guard isDecimal(text) else { return nil }
        self.init(text)
    }
    public var recipeText: String { withPoint(description) }
    public var recipeNumber: Double? { self }
}

/// Whether `text` has a decimal number's characters only: `nan` and hexadecimal floats are numbers to Swift, but nobody means
/// them here.
private func isDecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy { "+-.0123456789eE".utf8.contains($0) }
}

/// `5.0e-05` for `5e-05`, which readers of YAML 1.1 take for a text.
private func withPoint(_ text: String) -> String {
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return "\(text[..<exponent]).0\(text[exponent...])"
}

extension Bool: RecipeScalar {
    public static var recipeKind: String { "true or false" }
    public init?(recipeText text: String) { self.init(text) }
    public var recipeText: String { description }
}

extension String: RecipeScalar {
    public static var recipeKind: String { "a text" }
    public init?(recipeText text: String) { self = text }
    public var recipeText: String { self }
}

/// One of a few words.
public protocol RecipeChoice: RecipeScalar, RawRepresentable<String>, CaseIterable {}

extension RecipeChoice {
    public static var recipeKind: String {
        "one of " + allCases.map(\.rawValue).joined(separator: ", ")
    }
    public init?(recipeText text: String) { self.init(rawValue: text) }
    public var recipeText: String { rawValue }
}
