/// What a column of a row holds, as programs give it.
public enum ColumnValue: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    /// Nothing: as the text that stands for a missing value in files.
    case missing
    /// As a cell of a file has it: a value, a number, a list with separators.
    case text(String)
    /// The values of a list.
    case list([String])

    public init(stringLiteral value: String) { self = .text(value) }
    public init(arrayLiteral elements: String...) { self = .list(elements) }
}
