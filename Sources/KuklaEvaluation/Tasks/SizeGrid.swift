public import KuklaNumerics
public import KuklaText

/// What each size of a model is worth: quality over layers and dimensions, the time that a text takes, the bytes of its vector.
public struct SizeGrid: Sendable {
    /// One number of layers.
    public struct Depth: Sendable, Equatable {
        public var layers: Int
        /// Embedding time of a text on all threads, the tokens' making included.
        public var secondsPerText: Double
        /// Bytes of the weights of so many layers.
        public var modelBytes: Int

        public init(layers: Int, secondsPerText: Double, modelBytes: Int) {
            self.layers = layers
            self.secondsPerText = secondsPerText
            self.modelBytes = modelBytes
        }
    }

    /// What quality is: `spearman`, `ndcg_at_10`.
    public var metric: String
    /// Most layers first.
    public var depths: [Depth]
    /// Fewest first.
    public var dimensions: [Int]
    /// A row for each depth, a column for each number of dimensions.
    public var quality: [[Double]]
    /// The same of rounded vectors, for the forms that were asked for.
    public var roundedQuality: [VectorForm: [[Double]]] = [:]

    public init(metric: String, depths: [Depth], dimensions: [Int], quality: [[Double]]) {
        contract(
            quality.count == depths.count && quality.allSatisfy { $0.count == dimensions.count },
            "SizeGrid: \(quality.map(\.count)) values for \(depths.count) x \(dimensions.count) sizes")
        self.metric = metric
        self.depths = depths
        self.dimensions = dimensions
        self.quality = quality
    }

    /// The quality of a function from texts, and what stands before each of them ("" for nothing), to vectors.
    public typealias Judgement = (
        _ embed: (_ texts: [String], _ prompt: String) throws -> Matrix
    ) throws -> Double

    /// Measures every size. Each number of layers embeds the texts anew, running no layer more, so that the times are true.
    ///
    /// - Parameters:
    ///   - modelBytes: bytes of the weights of so many layers.
    ///   - forms: what else vectors are rounded to and judged as.
    ///   - judgement: asks for the same texts at every size.
    /// - Precondition: the model has the layers and dimensions.
    public init(
        of model: EmbeddingModel, layers: [Int], dimensions: [Int], metric: String,
        forms: [VectorForm] = [],
        modelBytes: (_ layers: Int) throws -> Int, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress(),
        judgement: Judgement
    ) throws {
        let dimensions = dimensions.sorted()
        var depths: [Depth] = []
        var quality: [[Double]] = []
        var rounded: [VectorForm: [[Double]]] = [:]
        var isWarm = false
        for count in layers.sorted(by: >) {
            var (seconds, texts) = (0.0, 0)
            var known: [[String]: Matrix] = [:]
            func embed(_ wanted: [String], _ prompt: String) throws -> Matrix {
                if let vectors = known[[prompt] + wanted] { return vectors }
                if !isWarm {
                    // The first pass reads the weights from the disk.
                    _ = try model.embed(Array(wanted.prefix(32)), layers: count, threads: threads)
                    isWarm = true
                }
                let start = ContinuousClock.now
                let vectors = try model.embed(
                    wanted, prompt: prompt, layers: count, threads: threads, progress: progress
                ).vectors
                seconds += (ContinuousClock.now - start) / .seconds(1)
                texts += wanted.count
                known[[prompt] + wanted] = vectors
                return vectors
            }
            quality.append(
                try dimensions.map { size in
                    try judgement { try embed($0, $1).leadingComponents(size) }
                })
            for form in forms {
                rounded[form, default: []].append(
                    try dimensions.map { size in
                        try judgement { form.rounded(try embed($0, $1).leadingComponents(size)) }
                    })
            }
            depths.append(
                Depth(
                    layers: count, secondsPerText: seconds / Double(max(texts, 1)),
                    modelBytes: try modelBytes(count)))
        }
        self.init(metric: metric, depths: depths, dimensions: dimensions, quality: quality)
        roundedQuality = rounded
    }

    /// Bytes of a float32 vector.
    public static func bytesPerVector(_ dimensions: Int) -> Int { 4 * dimensions }

    /// The Pareto line: whether no size with at most the layers and at most the dimensions is as good as this one.
    public func isOnFront(_ row: Int, _ column: Int) -> Bool {
        for (otherRow, depth) in depths.enumerated() where depth.layers <= depths[row].layers {
            for (otherColumn, size) in dimensions.enumerated()
            where size <= dimensions[column] && (otherRow, otherColumn) != (row, column)
                && quality[otherRow][otherColumn] >= quality[row][column]
            {
                return false
            }
        }
        return true
    }
}
