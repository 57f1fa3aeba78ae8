import KuklaNumerics

/// What a label column's text says: yes, no, or nothing.
///
/// Without conditions the text is 0 or 1. With one, all other rows are of the other class; with both, rows that meet neither are
/// left out (`positive: ">=4"`, `negative: "<=2"` leaves out ratings of 3).
public struct LabelRule: Sendable, Equatable {
    /// The column.
    public var column: String
    public var positive: Condition?
    public var negative: Condition?

    public init(column: String, positive: Condition? = nil, negative: Condition? = nil) {
        self.column = column
        self.positive = positive
        self.negative = negative
    }

    /// A comparison of a number, or a text.
    public struct Condition: Sendable, Equatable, CustomStringConvertible {
        enum Test: Equatable {
            case text(String)
            case atLeast(Double), above(Double), atMost(Double), below(Double)
        }
        let test: Test
        /// As it was written.
        public let description: String

        /// `>=4`, `>4`, `<=2`, `<2`; anything else is the text that the column must hold (`>50K` too, for want of a number),
        /// an equals sign before it left out.
        public init(_ text: String) {
            description = text
            for (sign, make) in [
                (">=", Test.atLeast), ("<=", Test.atMost), (">", Test.above), ("<", Test.below),
            ] as [(String, (Double) -> Test)] where text.hasPrefix(sign) {
                if let number = Double(text.dropFirst(sign.count).filter { $0 != " " }), number.isFinite {
                    test = make(number)
                    return
                }
                break
            }
            test = .text(text.hasPrefix("=") ? String(text.dropFirst()) : text)
        }

        /// Whether the column's bytes meet it; nil where a number is asked for and they are none.
        func isMet(by bytes: UnsafeRawBufferPointer) -> Bool? {
            if case .text(let text) = test { return bytes.elementsEqual(text.utf8) }
            guard let number = DecimalText.number(bytes) else { return nil }
            return switch test {
            case .text: false
            case .atLeast(let bound): number >= bound
            case .above(let bound): number > bound
            case .atMost(let bound): number <= bound
            case .below(let bound): number < bound
            }
        }
    }

    /// What the label of a row is.
    enum Verdict: Equatable {
        case positive, negative, leftOut
        /// What is wrong, to follow "line 7: ".
        case bad(String)
    }

    func verdict(_ bytes: UnsafeRawBufferPointer) -> Verdict {
        let text = { String(decoding: bytes, as: UTF8.self) }
        guard positive != nil || negative != nil else {
            switch DecimalText.number(bytes) {
            case 0: return .negative
            case 1: return .positive
            default:
                return .bad(
                    "the label \"\(column)\" is \"\(text())\", expected 0 or 1; give the schema a rule, such as "
                        + "label: {column: \(column), positive: \">=4\", negative: \"<=2\"}")
            }
        }
        var met = [false, false]
        for (i, condition) in [positive, negative].enumerated() {
            guard let condition else { continue }
            guard let isMet = condition.isMet(by: bytes) else {
                return .bad(
                    "the label \"\(column)\" is \"\(text())\", and the rule \"\(condition)\" needs a number")
            }
            met[i] = isMet
        }
        switch (met[0], met[1]) {
        case (true, true):
            return .bad("the label \"\(column)\" is \"\(text())\", which both rules of the schema take")
        case (true, false): return .positive
        case (false, true): return .negative
        case (false, false):
            return positive == nil ? .positive : negative == nil ? .negative : .leftOut
        }
    }
}
