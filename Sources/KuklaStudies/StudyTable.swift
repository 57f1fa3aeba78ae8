import Foundation
import KuklaFormats

/// A table of figures, for people and, as JSON, for programs.
public struct StudyTable: Sendable, Encodable {
    /// A word or a figure.
    public enum Cell: Sendable, ExpressibleByStringLiteral, Encodable {
        case text(String)
        case number(Double, decimals: Int)

        public init(stringLiteral value: String) { self = .text(value) }

        /// A whole number.
        public static func count(_ value: Int) -> Cell { .number(Double(value), decimals: 0) }

        /// The figure; NaN for words.
        var value: Double {
            switch self {
            case .text: .nan
            case .number(let value, _): value
            }
        }

        var description: String {
            switch self {
            case .text(let text): text
            case .number(let value, let decimals):
                value.isFinite ? String(format: "%.\(decimals)f", value) : "-"
            }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let value, _) where value.isFinite: try container.encode(value)
            case .number: try container.encodeNil()
            }
        }
    }

    public var title: String
    public var columns: [String]
    /// One cell a column.
    public var rows: [[Cell]]

    public init(_ title: String, columns: [String], rows: [[Cell]] = []) {
        self.title = title
        self.columns = columns
        self.rows = rows
    }

    /// The table as it is printed, figures rounded.
    var words: TextTable {
        TextTable(
            columns: columns.enumerated().map { .init($0.element, $0.offset == 0 ? .left : .right) },
            rows: rows.map { $0.map(\.description) })
    }
}
