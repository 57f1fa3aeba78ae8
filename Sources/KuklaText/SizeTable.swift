public import Foundation
import KuklaFormats
public import KuklaNumerics

/// The sizes that a model was trained for and how good each was measured to be: the section `kukla` of its `config.json`.
public struct SizeTable: Sendable, Codable, Equatable {
    /// One size.
    public struct Entry: Sendable, Codable, Equatable {
        public var layers: Int
        public var dimensions: Int
        /// The metric at this size; nil where it was not measured.
        public var quality: Double?
        /// The same of the model that training began with.
        public var qualityBefore: Double?
        /// The metric of vectors rounded to whole numbers, and to signs (`VectorForm`).
        public var int8: Double?
        public var binary: Double?

        public init(_ size: ModelSize, quality: Double? = nil, qualityBefore: Double? = nil) {
            layers = size.layers
            dimensions = size.dimensions
            self.quality = quality
            self.qualityBefore = qualityBefore
        }

        public var size: ModelSize { ModelSize(layers: layers, dimensions: dimensions) }

        private enum CodingKeys: String, CodingKey {
            case layers, dimensions, quality, int8, binary
            case qualityBefore = "quality_before"
        }
    }

    /// The training method, such as `mrl`.
    public var method: String
    /// What quality is, such as `spearman`, and where it was measured; nil where it was not.
    public var metric: String?
    public var measuredOn: String?
    /// Largest first.
    public var sizes: [Entry]

    public init(method: String, metric: String? = nil, measuredOn: String? = nil, sizes: [Entry]) {
        self.method = method
        self.metric = metric
        self.measuredOn = measuredOn
        self.sizes = sizes
    }

    private enum CodingKeys: String, CodingKey {
        case method, metric, sizes
        case measuredOn = "measured_on"
    }

    static let key = "kukla"

    /// What the model in `folder` says about its sizes; nil where it was not trained for several.
    ///
    /// - Throws: `KuklaError` where `config.json` is missing or no JSON, or the section is not of this form.
    public static func read(_ folder: URL) throws(KuklaError) -> SizeTable? {
        struct Configuration: Decodable { var kukla: SizeTable? }
        return try ModelFile(folder, "config.json").decode(Configuration.self).kukla
    }

    /// Writes what was measured of sizes into the `config.json` of a model, beside what stands there. What was measured by another metric or on
    /// other data is forgotten: figures of two kinds in one table would be compared.
    ///
    /// - Throws: `KuklaError` where the file cannot be read or written.
    public static func record(
        _ measured: [Entry], metric: String, measuredOn: String, in folder: URL
    ) throws(KuklaError) {
        var table = try read(folder) ?? SizeTable(method: "none", sizes: [])
        let isSame = table.metric == metric && table.measuredOn == measuredOn
        let sizes = Set(measured.map(\.size))
        table.sizes.removeAll { sizes.contains($0.size) }
        if !isSame { table.sizes = table.sizes.map { Entry($0.size) } }
        table.sizes += measured
        table.sizes.sort { ($0.layers, $0.dimensions) > ($1.layers, $1.dimensions) }
        table.metric = metric
        table.measuredOn = measuredOn
        let url = folder.appending(path: "config.json")
        var configuration = try JSONMembers(url)
        configuration[key] = try table.json
        try AtomicFile.write(configuration.text, to: url)
    }

    /// The table as the value of its key.
    var json: String {
        get throws(KuklaError) {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            do { return String(decoding: try encoder.encode(self), as: UTF8.self) } catch {
                throw KuklaError(.badData, "Cannot write the sizes of a model as JSON.", cause: error)
            }
        }
    }

    /// Quality over dimensions, a line for each number of layers; with one number of layers also that before training. Nil where
    /// nothing was measured.
    func chart() -> String? {
        func line(_ layers: Int, _ quality: (Entry) -> Double?) -> [(x: Double, y: Double)] {
            sizes.filter { $0.layers == layers }.sorted { $0.dimensions < $1.dimensions }
                .compactMap { entry in quality(entry).map { (Double(entry.dimensions), $0) } }
        }
        let depths = Set(sizes.map(\.layers)).sorted(by: >)
        var series = depths.map { layers in
            LineChart.Series(
                name: layers == 1 ? "1 layer" : "\(layers) layers", points: line(layers, \.quality))
        }
        if let only = depths.first, depths.count == 1 {
            series.append(.init(name: "before training", points: line(only, \.qualityBefore)))
        }
        series.removeAll { $0.points.isEmpty }
        guard let metric, !series.isEmpty else { return nil }
        return LineChart(
            series: series, xTitle: "dimensions", yTitle: metric, xScale: .log2, showsPoints: true
        ).svg()
    }

    /// The sizes as a table in Markdown.
    func markdown() -> String {
        func figure(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "" }
        let titles =
            ["layers", "dimensions", "bytes a vector (float32)"]
            + (metric.map { [$0, "before training"] } ?? [])
        return TextTable(
            columns: titles.map { .init($0, .right) },
            rows: sizes.map { size in
                ["\(size.layers)", "\(size.dimensions)", "\(size.dimensions * 4)"]
                    + (metric == nil ? [] : [figure(size.quality), figure(size.qualityBefore)])
            }
        ).markdown()
    }
}
