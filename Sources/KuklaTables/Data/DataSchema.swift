import KuklaNumerics

/// What the columns of a table of clicks or ratings mean: the label, categories, numbers, histories, and how rows are split.
///
/// Read from YAML (`docs/tables.md` has every key); saved with a model as JSON of the same keys.
public struct DataSchema: Sendable, Equatable {
    /// The column that is predicted.
    public var label: LabelRule
    /// Columns whose values get vectors.
    public var categorical: [Category]
    /// Columns that are numbers.
    public var numeric: [Number]
    /// Columns that hold lists of values.
    public var sequences: [Sequence]
    /// A history that is made from the rows themselves.
    public var history: History?
    /// The column that says whose row it is, for GAUC and splits by user.
    public var user: String?
    /// The column that says when: a number.
    public var time: String?
    public var split: Split
    /// Texts that stand for a missing value.
    public var missing: [String]
    /// Values that training saw fewer times than this count as never seen.
    public var minimumCount: Int
    /// What tells the columns apart; by the file's name where nil.
    public var separator: Separator?
    /// Names of the columns of a file that has no header line.
    public var columns: [String]?
    /// Columns looked up in other files.
    public var joins: [Join]

    /// A categorical column.
    public struct Category: Sendable, Equatable {
        public var column: String
        /// Buckets that values are hashed to, where no vocabulary is wanted.
        public var buckets: Int?
        /// Whether numbers with fractions are meant to be categories.
        public var isText = false

        public init(_ column: String, buckets: Int? = nil, isText: Bool = false) {
            self.column = column
            self.buckets = buckets
            self.isText = isText
        }
    }

    /// A numeric column.
    public struct Number: Sendable, Equatable {
        public var column: String
        public var transform: NumericTransform

        public init(_ column: String, _ transform: NumericTransform = .standardize) {
            self.column = column
            self.transform = transform
        }
    }

    /// A column that holds a list of values.
    public struct Sequence: Sendable, Equatable {
        public var column: String
        /// The categorical column whose ids the values share; nil: the sequence has ids of its own.
        public var field: String?
        public var separator: String
        /// The last values that count.
        public var last: Int

        public init(_ column: String, of field: String? = nil, separator: String = "|", last: Int = 50) {
            self.column = column
            self.field = field
            self.separator = separator
            self.last = last
        }
    }

    /// What a user did before, made from earlier rows of the same user: never the row itself or one of the same time.
    public struct History: Sendable, Equatable {
        /// Categorical columns of the rows that are remembered: an item, and perhaps what kind of item.
        public var items: [String]
        public var last: Int
        /// Whether only rows with a positive label are remembered.
        public var keepsPositivesOnly: Bool

        public init(items: [String], last: Int = 50, keepsPositivesOnly: Bool = false) {
            self.items = items
            self.last = last
            self.keepsPositivesOnly = keepsPositivesOnly
        }
    }

    /// Which rows are trained on, which decide when to stop, and which are only looked at in the end.
    public struct Split: Sendable, Equatable {
        public enum Rule: String, Sendable, CaseIterable { case random, user, time }
        public var rule: Rule
        public var seed: UInt64
        /// Shares of the rows (of the users, where users are split).
        public var validation: Double
        public var test: Double

        public init(_ rule: Rule = .random, seed: UInt64 = 0, validation: Double = 0.1, test: Double = 0.1) {
            self.rule = rule
            self.seed = seed
            self.validation = validation
            self.test = test
        }
    }

    /// What stands between the columns.
    public enum Separator: Sendable, Equatable {
        /// Commas, with quotes by RFC 4180.
        case csv
        /// This text, without quotes.
        case text(String)
        /// `label index:value ...`: the j-th pair is the column named by its place from 1; of `field:index:value` the field.
        case libFM
    }

    /// A file with one line for each value of a column.
    public struct Join: Sendable, Equatable {
        public var file: String
        /// The column that both files have.
        public var column: String
        public var separator: Separator?
        public var columns: [String]?

        public init(file: String, on column: String, separator: Separator? = nil, columns: [String]? = nil) {
            self.file = file
            self.column = column
            self.separator = separator
            self.columns = columns
        }
    }

    public init(label: LabelRule, categorical: [Category], numeric: [Number] = []) {
        self.label = label
        self.categorical = categorical
        self.numeric = numeric
        sequences = []
        history = nil
        user = nil
        time = nil
        split = Split()
        missing = [""]
        minimumCount = 1
        separator = nil
        columns = nil
        joins = []
    }
}

/// What is done to numbers before a network sees them.
public enum NumericTransform: String, Sendable, CaseIterable {
    /// `sign(x) log(1 + |x|)`, for counts of any size.
    case log1p
    /// Mean 0 and deviation 1 over the rows to train on.
    case standardize
    /// As they are.
    case none
}

extension DataSchema {
    /// Fields that have vectors: the categorical columns, then sequences with ids of their own.
    public var fieldNames: [String] {
        categorical.map(\.column) + sequences.filter { $0.field == nil }.map(\.column)
    }

    /// The number of the field of that name.
    func field(_ name: String) -> Int? { fieldNames.firstIndex(of: name) }

    /// The field of each list: the one that it shares, or its own behind the categorical ones.
    var listFields: [Int] {
        var own = categorical.count
        return sequences.map { sequence in
            if let name = sequence.field { return field(name) ?? 0 }
            own += 1
            return own - 1
        }
    }

    /// The fields of what a history remembers.
    var historyFields: [Int] { history?.items.map { field($0) ?? 0 } ?? [] }
}
