public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics

/// A trained click model as a folder: `model.safetensors` (the table and the network), `vocabulary.safetensors`, `schema.json`,
/// `config.json` and `report.json`.
///
/// The table and the vocabulary are read in place: opening takes no longer for more ids, and memory holds what is touched.
public struct ClickModelFolder: Sendable {
    public let schema: DataSchema
    /// One for each field of the schema.
    public let vocabularies: [IDVocabulary]
    /// One for each numeric column.
    public let scales: [NumericScale]
    public let scorer: ClickScorer
    public let configuration: CTRConfiguration
    /// What came of the training; nil where the folder does not say.
    public let report: TrainingReport?

    private struct Config: Codable {
        var format = "kukla-click-model-1"
        var network: CTRConfiguration
        /// The table's configuration, for people: the file itself says it too.
        var table: String
        var scales: [NumericScale]
    }

    private static let tablePrefix = "table."
    private static let networkPrefix = "network."

    /// Writes a model, whole or not at all.
    ///
    /// - Throws: `KuklaError(.inputOutput)`.
    public static func save(
        _ model: TrainedClickModel, network configuration: CTRConfiguration, set: ExampleSet, to url: URL
    ) throws(KuklaError) {
        try write(
            ClickScorer(table: model.table, network: model.network), configuration, schema: set.schema,
            vocabularies: set.vocabularies, scales: set.scales, report: model.report, to: url)
    }

    /// Writes the same model over another table, whole or not at all: without a report, since nobody measured it.
    ///
    /// - Precondition: the table is of the same fields, with vectors of the same widths.
    /// - Throws: `KuklaError(.inputOutput)`.
    public func save(with table: any ServedTable, to url: URL) throws(KuklaError) {
        contract(
            table.schema.fields == scorer.table.schema.fields && table.widths == scorer.table.widths,
            "ClickModelFolder: a table of other fields or widths")
        try Self.write(
            ClickScorer(table: table, network: scorer.network), configuration, schema: schema,
            vocabularies: vocabularies, scales: scales, report: nil, to: url)
    }

    private static func write(
        _ scorer: ClickScorer, _ configuration: CTRConfiguration, schema: DataSchema,
        vocabularies: [IDVocabulary], scales: [NumericScale], report: TrainingReport?, to url: URL
    ) throws(KuklaError) {
        let folder = try AtomicFolder(url)
        var writer = SafetensorsWriter(metadata: scorer.table.metadata)
        scorer.table.add(to: &writer, prefix: tablePrefix)
        for named in scorer.network.parameters {
            writer.add(named.parameter.value, named: networkPrefix + named.path)
        }
        try writer.write(to: folder.staging.appending(path: "model.safetensors"))
        try IDVocabulary.save(vocabularies, to: folder.staging.appending(path: "vocabulary.safetensors"))
        try AtomicFile.write(schema.json, to: folder.staging.appending(path: "schema.json"))
        try AtomicFile.write(
            json(
                Config(
                    network: configuration, table: scorer.table.configuration.description, scales: scales)),
            to: folder.staging.appending(path: "config.json"))
        if let report {
            try AtomicFile.write(json(report), to: folder.staging.appending(path: "report.json"))
        }
        try folder.commit()
    }

    /// Opens a model.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `badData` where the files do not belong together).
    public init(_ url: URL) throws(KuklaError) {
        guard FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) else {
            throw KuklaError(
                .missingFile,
                "Cannot open \(url.path): it is no folder that `kukla tables train` wrote (config.json is missing)."
            )
        }
        let config = try ClickModelFolder.read(Config.self, url.appending(path: "config.json"))
        guard config.format == "kukla-click-model-1" else {
            throw KuklaError(
                .unsupported,
                "Cannot open \(url.path): its format is \"\(config.format)\"; a newer kukla wrote it.")
        }
        schema = try DataSchema(url.appending(path: "schema.json"))
        scales = config.scales
        configuration = config.network
        vocabularies = try IDVocabulary.load(
            url.appending(path: "vocabulary.safetensors"), names: schema.fieldNames)
        let file = try SafetensorsFile(url.appending(path: "model.safetensors"))
        let table = try ServedTables.load(from: file, prefix: ClickModelFolder.tablePrefix)
        guard scales.count == schema.numeric.count, table.widths.count == vocabularies.count,
            zip(table.schema.fields, vocabularies).allSatisfy({ $0.count == $1.count })
        else {
            throw KuklaError(
                .badData,
                "Cannot open \(url.path): its schema, vocabulary and table are of different models.")
        }
        let network = try config.network.make(CTRShape(schema, widths: table.widths), seed: 0)
        let report = try network.load(from: file, prefix: ClickModelFolder.networkPrefix)
        contract(report.missing.isEmpty, "a strict load left parameters out")
        scorer = ClickScorer(table: table, network: network)
        let reportFile = url.appending(path: "report.json")
        self.report =
            FileManager.default.fileExists(atPath: reportFile.path)
            ? try ClickModelFolder.read(TrainingReport.self, reportFile) : nil
    }

    private static func json(_ value: some Encodable) throws(KuklaError) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n" } catch {
            throw KuklaError(.badData, "Cannot write a model's description.", cause: error)
        }
    }

    private static func read<Value: Decodable>(_: Value.Type, _ url: URL) throws(KuklaError) -> Value {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot read \(url.path): it cannot be opened.")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do { return try decoder.decode(Value.self, from: data) } catch {
            throw KuklaError(
                .badData, "Cannot read \(url.path): it is not what `kukla tables train` writes.", cause: error
            )
        }
    }
}
