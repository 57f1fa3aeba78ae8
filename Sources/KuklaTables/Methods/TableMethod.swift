import KuklaNumerics

/// A way to store embedding tables: what `TableConfiguration` knows of it. A method is one type in one file, and a line in one of the lists below.
protocol TableMethod {
    static var word: String { get }
    /// One line for help.
    static var summary: String { get }
    static var options: [TableOption] { get }

    /// The fewest bytes that it can be served in.
    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int

    /// A new table within `budget` bytes, which are no fewer than the floor.
    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable

    /// A served table from its arrays.
    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable
}

enum TableMethods {
    /// Every method that can be trained, in the order of the documentation.
    static var trained: [any TableMethod.Type] {
        [
            DenseTable.self, HashedTable.self, QuotientRemainder.self, TensorTrain.self, DeepHash.self,
            CircularTable.self,
            MultiGranularCodes.self, DifferentiableProductCodes.self, AdaptiveTable.self,
            LowPrecision<Int8>.self,
            LowPrecision<Int16>.self, ALPT.self, MixedDimensions.self, DeduplicatedTable.self,
            AutoDim.self, OptEmbed.self, DeepLight.self, AutoSrh.self, SoftThreshold.self, UnifiedTable.self,
        ]
    }

    /// Every method; those that only store what is trained already are the last ones.
    static var all: [any TableMethod.Type] { trained + [MagnitudeGroups.self] }
}

/// An option of a method: a name, a default, and what values it may have.
struct TableOption: Sendable {
    enum Kind: Sendable {
        case integer(ClosedRange<Int>)
        /// A whole number, or `auto`.
        case automatic(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        case choice([String])
        case text
    }

    let name: String
    let standard: String
    let kind: Kind
    let meaning: String

    init(_ name: String, _ standard: String, _ kind: Kind, _ meaning: String) {
        self.name = name
        self.standard = standard
        self.kind = kind
        self.meaning = meaning
    }

    /// `value` as it is printed, or the error that says what was expected.
    func canonical(_ value: String, in string: String) throws(KuklaError) -> String {
        switch kind {
        case .integer(let range):
            guard let number = Int(value), range.contains(number) else {
                throw refusal(
                    value, in: string, "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return String(number)
        case .automatic(let range):
            if value == "auto" { return value }
            guard let number = Int(value), range.contains(number) else {
                throw refusal(
                    value, in: string,
                    "'auto' or a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return String(number)
        case .number(let range):
            guard let number = Double(value), range.contains(number) else {
                throw refusal(value, in: string, "a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number == number.rounded() && abs(number) < 1e9 ? String(Int(number)) : "\(number)"
        case .choice(let words):
            guard words.contains(value) else {
                let nearest = EditDistance.nearest(to: value, among: words) ?? ""
                throw refusal(
                    value, in: string, "one of \(words.joined(separator: ", ")); did you mean '\(nearest)'?")
            }
            return value
        case .text: return value
        }
    }

    private func refusal(_ value: String, in string: String, _ expected: String) -> KuklaError {
        KuklaError(.usage, "The option '\(name)' of '\(string)' is '\(value)', expected \(expected).")
    }
}
