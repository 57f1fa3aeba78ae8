public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A network that says how likely a click is, from the vectors of an example's ids and its numbers.
///
/// It never sees ids: whatever table makes the vectors, the network is the same, in training and in use.
public protocol CTRModel: Module {
    /// The logit of each example, `[count]`.
    func callAsFunction(_ input: CTRInput, mode: ForwardMode) -> Tensor
}

/// What a network sees of a batch.
public struct CTRInput: Sendable {
    /// Examples.
    public let count: Int
    /// `[count, sum of the columns' widths]`: the vectors of the categorical columns side by side.
    public let vectors: Tensor
    /// `[count, numbers]`; nil where there are none.
    public let numbers: Tensor?
    public let lists: [List]

    /// The vectors of lists of ids.
    public struct List: Sendable {
        /// `[events, width]`.
        public let vectors: Tensor
        /// The first event of each example, and behind the last one the number of events.
        public let offsets: [Int32]

        public init(vectors: Tensor, offsets: [Int32]) {
            self.vectors = vectors
            self.offsets = offsets
        }
    }

    public init(count: Int, vectors: Tensor, numbers: Tensor? = nil, lists: [List] = []) {
        self.count = count
        self.vectors = vectors
        self.numbers = numbers
        self.lists = lists
    }
}

/// The lengths of what a network sees.
public struct CTRShape: Sendable, Equatable {
    /// The width of each categorical column's vector.
    public var widths: [Int]
    /// Numeric columns.
    public var numberCount: Int
    public var lists: [List]

    /// One kind of list.
    public struct List: Sendable, Equatable {
        /// The widths of an event's vectors, one for each of its fields.
        public var widths: [Int]
        /// The categorical columns of the same fields: the candidate that the history is compared with; nil where there is none.
        public var candidates: [Int]?

        public init(widths: [Int], candidates: [Int]? = nil) {
            self.widths = widths
            self.candidates = candidates
        }
    }

    public init(widths: [Int], numberCount: Int = 0, lists: [List] = []) {
        self.widths = widths
        self.numberCount = numberCount
        self.lists = lists
    }

    /// The width of all categorical vectors side by side.
    public var vectorWidth: Int { widths.reduce(0, +) }
    /// The width of all vectors, each list summed up to one event, without the numbers.
    public var pooledWidth: Int { vectorWidth + lists.reduce(0) { $0 + $1.widths.reduce(0, +) } }
    /// The width of everything.
    public var inputWidth: Int { pooledWidth + numberCount }

    /// The one width of all vectors.
    ///
    /// - Throws: `KuklaError(.unsupported)` where they differ.
    func equalWidth(for model: String) throws(KuklaError) -> Int {
        let all = widths + lists.flatMap(\.widths)
        guard let width = all.first, all.allSatisfy({ $0 == width }) else {
            throw KuklaError(
                .unsupported,
                "Cannot build \(model): it multiplies vectors of different columns, and their widths are \(all); "
                    + "take a table that gives each column the same width, or the model dcn or wdl.")
        }
        return width
    }
}

extension CTRInput {
    /// All vectors side by side, each list as the mean of its events (zeros where it is empty): `[count, pooledWidth]`.
    var pooledVectors: Tensor {
        guard !lists.isEmpty else { return vectors }
        let pooled = lists.map { $0.vectors.listSums(offsets: $0.offsets, isMean: true) }
        return Tensor.concatenated([vectors] + pooled, axis: 1)
    }

    /// All vectors and the numbers side by side: `[count, inputWidth]`.
    var everything: Tensor {
        let vectors = pooledVectors
        return numbers.map { Tensor.concatenated([vectors, $0], axis: 1) } ?? vectors
    }
}
