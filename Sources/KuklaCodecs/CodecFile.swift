public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A trained codec as a safetensors file: its parameters, and in the metadata what else makes it again.
///
/// The metadata has `format` = `kukla-codec`, `configuration` (the factory string), `metric` (`cosine`, `ip`, `l2`) and `dimensions`.
public enum CodecFile {
    private static let format = "kukla-codec"

    /// Writes `codec` to `url`, whole or not at all.
    ///
    /// - Throws: `KuklaError.inputOutput`.
    public static func write(_ codec: some VectorCodec, to url: URL) throws(KuklaError) {
        var writer = SafetensorsWriter(metadata: [
            "format": format, "configuration": codec.configuration.description,
            "metric": codec.metric.rawValue, "dimensions": "\(codec.dimensions)",
        ])
        for (name, value) in codec.parameters { writer.add(value, named: name) }
        try writer.write(to: url)
    }

    /// The codec that was written to `url`.
    ///
    /// - Throws: `KuklaError`: `missingFile`, `inputOutput`; `badData` where the file is damaged or no codec.
    public static func read(_ url: URL) throws(KuklaError) -> any VectorCodec {
        let file = try SafetensorsFile(url)
        func bad(_ what: String) -> KuklaError {
            KuklaError(
                .badData,
                "Cannot read a codec from \(url.path): \(what). Give a file that 'kukla train' wrote.")
        }
        guard file.metadata["format"] == format else { throw bad("its metadata does not say '\(format)'") }
        guard let metric = file.metadata["metric"].flatMap(Metric.init(rawValue:)),
            let dimensions = file.metadata["dimensions"].flatMap({ Int($0) }), dimensions > 0,
            let factory = file.metadata["configuration"],
            let configuration = try? CodecConfiguration(parsing: factory)
        else { throw bad("its metadata lacks the metric, the dimensions or the configuration") }
        var parameters: [String: Matrix] = [:]
        for tensor in file.tensors { parameters[tensor.name] = try file.matrix(named: tensor.name) }
        do {
            return try configuration.restore(metric: metric, dimensions: dimensions, parameters: parameters)
        } catch {
            throw KuklaError(.badData, "Cannot read the codec \(url.path).", cause: error)
        }
    }
}
