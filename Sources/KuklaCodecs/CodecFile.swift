import CKernels
public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A trained codec as a safetensors file: its parameters, and in the metadata what else makes it again.
///
/// The metadata has `format` = `kukla-codec`, `configuration` (the factory string), `metric` (`cosine`, `ip`, `l2`) and `dimensions`;
/// and `compatible_with`, the `fingerprint` of an older codec whose codes this one's queries search, where there is one.
public enum CodecFile {
    private static let format = "kukla-codec"
    private static let compatibleWith = "compatible_with"

    /// Writes `codec` to `url`, whole or not at all.
    ///
    /// - Parameter older: the codec whose codes queries of `codec` search too.
    /// - Throws: `KuklaError.inputOutput`.
    public static func write(
        _ codec: some VectorCodec, compatibleWith older: (any VectorCodec)? = nil, to url: URL
    ) throws(KuklaError) {
        var metadata = [
            "format": format, "configuration": codec.configuration.description,
            "metric": codec.metric.rawValue, "dimensions": "\(codec.dimensions)",
        ]
        if let older { metadata[compatibleWith] = fingerprint(of: older) }
        var writer = SafetensorsWriter(metadata: metadata)
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

    /// The codec at `url`, which was trained so that its queries search codes of `stored`.
    ///
    /// - Throws: as `read`; `KuklaError.usage` where it was not.
    public static func read(_ url: URL, searching stored: any VectorCodec) throws(KuklaError)
        -> RecurrentBinaryCodec
    {
        let wanted = fingerprint(of: stored)
        let found = try SafetensorsFile(url).metadata[compatibleWith]
        guard let codec = try read(url) as? RecurrentBinaryCodec, found == wanted else {
            throw KuklaError(
                .usage,
                "Cannot search codes of '\(wanted)' with queries by \(url.path): it \(found.map { "is compatible with '\($0)'" } ?? "is compatible with no other codec"). Give a codec that 'kukla train binary --compatible-with' made from the collection's own."
            )
        }
        return codec
    }

    /// The factory string of a codec and the CRC-32C of its parameters: what tells it from others of its kind.
    static func fingerprint(of codec: any VectorCodec) -> String {
        let kernels = kk_checksum_kernels_for(CPULevel.current.kernelLevel)
        var sum: UInt32 = 0
        for (name, value) in codec.parameters.sorted(by: { $0.key < $1.key }) {
            Array(name.utf8).withUnsafeBytes { sum = kernels.pointee.crc32c(sum, $0.baseAddress, $0.count) }
            value.withUnsafeBufferPointer {
                let bytes = UnsafeRawBufferPointer($0)
                sum = kernels.pointee.crc32c(sum, bytes.baseAddress, bytes.count)
            }
        }
        return "\(codec.configuration):" + String(sum, radix: 16)
    }
}
