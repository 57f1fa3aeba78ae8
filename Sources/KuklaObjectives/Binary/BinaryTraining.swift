public import Foundation
public import KuklaCodecs
public import KuklaNN
public import KuklaNumerics

/// A training run from vectors to a codec file: recipe and vectors in, `CodecFile` and run's folder out.
public struct BinaryTraining {
    /// The codec file to write.
    public let output: URL
    /// The run's folder: recipe, log, curve, checkpoints.
    public let runFolder: URL

    /// Vectors by row, and what belongs to each row.
    public struct Examples: Sendable {
        public let vectors: Matrix
        /// What row i belongs together with, of the same dimensions.
        public let partners: Matrix?
        /// The older codec whose codes queries must also find, and what it takes of each row: of the partners where there are
        /// some, else of the vectors.
        public let older: (codec: RecurrentBinaryCodec, vectors: Matrix)?

        /// - Throws: `KuklaError.badData` where rows or dimensions do not go together, or a row has components that are not
        ///   finite.
        public init(
            vectors: Matrix, partners: Matrix? = nil,
            older: (codec: RecurrentBinaryCodec, vectors: Matrix)? = nil
        ) throws(KuklaError) {
            self.vectors = try Self.unit(vectors, "vectors", rows: vectors.rows, columns: vectors.columns)
            self.partners = try partners.map { partners throws(KuklaError) in
                try Self.unit(partners, "pairs", rows: vectors.rows, columns: vectors.columns)
            }
            self.older = try older.map { older throws(KuklaError) in
                let columns = older.codec.dimensions
                return (
                    older.codec,
                    try Self.unit(
                        older.vectors, "the older codec's vectors", rows: vectors.rows, columns: columns)
                )
            }
        }

        private static func unit(
            _ matrix: Matrix, _ what: String, rows: Int, columns: Int
        ) throws(KuklaError) -> Matrix {
            guard matrix.rows == rows, matrix.columns == columns else {
                throw KuklaError(
                    .badData,
                    "Cannot train: expected \(what) of \(rows) rows and \(columns) dimensions, found \(matrix.rows) rows and \(matrix.columns) dimensions. Give files that belong together row by row."
                )
            }
            if let row = matrix.firstNonFiniteRow {
                throw KuklaError(
                    .badData,
                    "Cannot train: row \(row) of \(what) has a NaN or infinite component. Remove such rows.")
            }
            var matrix = matrix
            matrix.normalizeRows()
            return matrix
        }
    }

    /// What came of it.
    public struct Result: Sendable {
        public let codec: RecurrentBinaryCodec
        /// What training began with, and the best that it came to, whichever of them is `codec`.
        public let initial, trained: RecurrentBinaryCodec
        public let summary: TrainingSummary
        /// The judgement of the codec that training began with.
        public let before: [String: Double]
        /// The judgement of the codec that was written.
        public let after: [String: Double]
        /// Whether training made nothing better, and the codec is the one that it began with.
        public let keptInitial: Bool
        public let examples: Int
    }

    /// Candidates that the judge's queries are looked for among.
    private static let candidateLimit = 10_000

    public init(output: URL, runFolder: URL) {
        self.output = output
        self.runFolder = runFolder
    }

    /// - Parameter configuration: the code's shape, one `RBEmxk` without transforms.
    /// - Throws: `KuklaError`: `usage` where the configuration is no such code, or narrower than the older codec's; `badData`
    ///   where there are too few vectors; `cancelled`; whatever `TrainingRun` throws.
    public func callAsFunction(
        _ examples: Examples, configuration: CodecConfiguration, recipe: Recipe<BinaryOptions>,
        beginning: EncoderFineTuning.Beginning = .automatic,
        progress: any ProgressReporter = SilentProgress(),
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(KuklaError) -> Result {
        let recipe = try recipe.checked()
        let (options, settings) = (recipe.options, recipe.training)
        if options.loss == .contrastive, examples.partners == nil {
            throw KuklaError(
                .usage,
                "The contrastive loss needs pairs: give --pairs, vectors that belong to the others row by row, or --loss distillation."
            )
        }
        let initial = try initialCodec(configuration, examples, seed: settings.seed)
        let (training, heldOut) = try split(examples, options: options, seed: settings.seed)
        let task = task(
            RecurrentBinaryModule(initial, width: options.width, seed: settings.seed), training, heldOut,
            options: options)
        _ = try task.sampler(batchSize: settings.batchSize, seed: settings.seed)
        try EncoderFineTuning.check(beginning, output: output, runFolder: runFolder)
        let run = try TrainingRun(runFolder, recipe: recipe, isFresh: beginning == .fresh)
        let found = try run.trainJudged(task, progress: progress, isCancelled: isCancelled)
        let goal = task.goal?.name ?? ""
        let keptInitial = found.after[goal] ?? 0 <= found.before[goal] ?? 0
        let best = task.model.codec
        let codec = keptInitial ? initial : best
        try CodecFile.write(codec, compatibleWith: examples.older?.codec, to: output)
        return Result(
            codec: codec, initial: initial, trained: best, summary: found.summary, before: found.before,
            after: keptInitial ? found.before : found.after,
            keptInitial: keptInitial, examples: task.exampleCount)
    }

    private func initialCodec(
        _ configuration: CodecConfiguration, _ examples: Examples, seed: UInt64
    ) throws(KuklaError) -> RecurrentBinaryCodec {
        guard configuration.transforms.isEmpty,
            case .recurrentBinary(let m, let bits) = configuration.quantizer
        else {
            throw KuklaError(
                .usage,
                "Cannot train '\(configuration)': expected a recurrent binary code such as 'RBE384x2', without transforms."
            )
        }
        if let older = examples.older?.codec, older.codeDimensions > m {
            throw KuklaError(
                .usage,
                "Cannot make '\(configuration)' compatible with '\(older.configuration)': queries of \(m) components cannot search codes of \(older.codeDimensions). Choose at least as many components."
            )
        }
        let rotations = try RecurrentBinaryCodec(
            dimensions: examples.vectors.columns, codeDimensions: m, bits: bits, seed: seed)
        guard let older = examples.older else { return rotations }
        return try rotations.aligned(with: older.codec, examples.vectors, older: older.vectors)
    }

    /// Rows to train on and rows to judge by, at random.
    private func split(
        _ examples: Examples, options: BinaryOptions, seed: UInt64
    ) throws(KuklaError) -> (training: Examples, heldOut: Examples) {
        let count = examples.vectors.rows
        guard count >= 4 * options.heldOut else {
            throw KuklaError(
                .badData,
                "Cannot train on \(count) vectors of which \(options.heldOut) are kept to judge by: give at least \(4 * options.heldOut) vectors, or a smaller --held-out."
            )
        }
        var random = RandomSource(seed: seed &+ 0x9E37)
        let order = random.sample(count, below: count)
        return (
            try examples.selecting(order.dropFirst(options.heldOut)),
            try examples.selecting(order.prefix(options.heldOut))
        )
    }

    private func task(
        _ model: RecurrentBinaryModule, _ training: Examples, _ heldOut: Examples, options: BinaryOptions
    ) -> BinaryTask {
        let first = 0..<min(Self.candidateLimit, training.vectors.rows)
        let judge =
            heldOut.partners.map { BinaryJudge.partners(of: heldOut.vectors, $0) }
            ?? .neighbours(of: heldOut.vectors, among: training.vectors[rows: first])
        let older = training.older.map { BinaryTask.Compatible(codec: $0.codec, vectors: $0.vectors) }
        return BinaryTask(
            model: model, vectors: training.vectors, partners: training.partners, compatible: older,
            options: options, judge: judge,
            judgedByOlder: heldOut.partners == nil
                ? older?.selecting(first)
                : heldOut.older.map { .init(codec: $0.codec, vectors: $0.vectors) })
    }
}

extension BinaryTraining.Examples {
    fileprivate func selecting(_ rows: some Collection<Int>) throws(KuklaError) -> Self {
        try Self(
            vectors: vectors.gathering(rows: rows), partners: partners?.gathering(rows: rows),
            older: older.map { ($0.codec, $0.vectors.gathering(rows: rows)) })
    }
}
