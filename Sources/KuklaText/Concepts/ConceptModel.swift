public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// A `ConceptFolder` in use: texts to vectors whose dimensions are named concepts, of length 1 and nowhere below 0.
public struct ConceptModel: TextEmbedder {
    public let concepts: [Concept]
    /// How many of a text's largest concepts are kept; all where nil.
    public var topConcepts: Int?
    private let source: Source

    private enum Source: Sendable {
        case recurrent(ConceptEncoder, WordPieceTokenizer, maximumTokens: Int)
        case transformer(EmbeddingModel, head: Linear, threshold: Float)
        case esa(ESAEncoder)
    }

    /// - Parameter precision: of a transformer's linear layers.
    /// - Throws: `KuklaError` (`missingFile`, `badData`, `unsupported` for a newer version).
    public init(
        _ url: URL, topConcepts: Int? = nil, precision: TextEncoder.Precision = .float32
    ) throws(KuklaError) {
        let file = try ModelFile(url, ConceptFolder.settingsFile)
        let settings = try file.decode(ConceptFolder.Settings.self)
        guard settings.version == 1 else { throw file.unsupported("version", "\(settings.version)", "1") }
        let concepts = try Concept.readAll(url.appending(path: ConceptFolder.conceptFile))
        self.concepts = concepts
        self.topConcepts = topConcepts
        let encoder = url.appending(path: ConceptFolder.encoderFolder)
        let threshold = settings.threshold ?? 0
        guard threshold.isFinite else { throw file.wrong("threshold", "a number", threshold) }
        switch settings.encoder {
        case .esa: source = .esa(try ESAEncoder(url, conceptCount: concepts.count))
        case .recurrent:
            let weights = try SafetensorsFile(url.appending(path: ConceptFolder.weightFile))
            let table = try weights.tensor(named: "encoder.words.weight").shape
            guard let units = settings.units, (1...1 << 16).contains(units), table.count == 2, table[1] > 0
            else { throw file.wrong("units", "the size of \(weights.url.path)", settings.units ?? 0) }
            // Every number is replaced by the file's.
            var random = RandomSource(seed: 0)
            let network = RecurrentTextEncoder(
                words: .zeros(table), units: units, isBidirectional: settings.isBidirectional ?? false,
                dropout: 0, using: &random)
            let model = ConceptEncoder(
                .recurrent(network), concepts: concepts.count, threshold: threshold, using: &random)
            try model.load(from: weights)
            let tokenizer = try WordPieceTokenizer(folder: encoder)
            guard tokenizer.vocabularySize <= table[0] else {
                throw file.wrong("encoder", "a vocabulary of \(tokenizer.vocabularySize) words", table[0])
            }
            source = .recurrent(model, tokenizer, maximumTokens: max(3, settings.maximumTokens ?? 128))
        case .transformer:
            let model = try EmbeddingModel(folder: encoder, precision: precision)
            var random = RandomSource(seed: 0)
            let head = Linear(model.encoder.dimensions, concepts.count, using: &random)
            try head.load(
                from: SafetensorsFile(url.appending(path: ConceptFolder.weightFile)), prefix: "head.")
            source = .transformer(model, head: head, threshold: threshold)
        }
    }

    public var dimensions: Int { concepts.count }

    public var maximumLength: Int {
        switch source {
        case .recurrent(_, _, let maximumTokens): maximumTokens
        case .transformer(let model, _, _): model.encoder.maximumLength
        case .esa: Int.max
        }
    }

    /// The concepts of texts as they come out of the encoder, not normalised, and how many texts were cut.
    public func conceptVectors(
        _ texts: [String], threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> (vectors: [ConceptVector], truncatedCount: Int) {
        func sparse(_ rows: Matrix) -> [ConceptVector] {
            (0..<rows.rows).map { ConceptVector(rows.row($0), keeping: topConcepts) }
        }
        switch source {
        case .recurrent(let model, let tokenizer, let maximumTokens):
            let tokens = tokenizer.encode(texts, maxLength: maximumTokens, threads: threads)
            let rows = TensorThreads.limited(to: threads) { model.vectors(tokens) }
            progress.advance(by: texts.count)
            return (sparse(rows), tokens.truncatedCount)
        case .transformer(let model, let head, let threshold):
            let found = try model.embed(texts, threads: threads, progress: progress)
            let rows = withoutGradient { (head(Tensor(found.vectors)) + threshold).relu() }.matrix
            return (sparse(rows), found.truncatedCount)
        case .esa(let encoder):
            let vectors = texts.map { text in
                progress.advance(by: 1)
                let all = encoder.vector(of: text)
                guard let topConcepts, all.concepts.count > topConcepts else { return all }
                let kept = all.concepts.indices.sorted { (-all.values[$0], $0) < (-all.values[$1], $1) }
                    .prefix(topConcepts).sorted()
                return ConceptVector(
                    concepts: kept.map { all.concepts[$0] }, values: kept.map { all.values[$0] })
            }
            return (vectors, 0)
        }
    }

    public func embed(
        _ texts: [String], threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> EmbeddingModel.Embeddings {
        let found = try conceptVectors(texts, threads: threads, progress: progress)
        let width = dimensions
        let rows = Matrix(rows: texts.count, columns: width) { out in
            out.update(repeating: 0)
            for (row, vector) in found.vectors.enumerated() {
                let scale = vector.norm > 0 ? Float(1 / vector.norm) : 0
                for (concept, value) in zip(vector.concepts, vector.values) {
                    out[row * width + Int(concept)] = value * scale
                }
            }
        }
        return .init(vectors: rows, truncatedCount: found.truncatedCount)
    }
}
