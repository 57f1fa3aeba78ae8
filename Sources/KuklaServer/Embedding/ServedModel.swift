public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaText

/// The model of a server, the name that requests call it by, and the sizes that it may be asked for.
public struct ServedModel: Sendable {
    public let name: String
    let model: EmbeddingModel
    /// What was recorded of its sizes; nil where nothing was.
    let sizes: SizeTable?
    let precision: TextEncoder.Precision
    /// Which model it is, whatever it is called.
    let identity: ModelIdentity

    /// Loads the model in `folder`.
    ///
    /// - Parameter name: what requests call it; the folder's name where nil.
    /// - Throws: `KuklaError` as `EmbeddingModel` and `ModelIdentity` do.
    public init(folder: URL, name: String? = nil, isInt8: Bool = false) throws(KuklaError) {
        precision = isInt8 ? .int8 : .float32
        model = try EmbeddingModel(folder: folder, precision: precision)
        sizes = try SizeTable.read(folder)
        self.name = name ?? folder.standardizedFileURL.lastPathComponent
        identity = try ModelIdentity(folder: folder, name: self.name)
    }

    var dimensions: Int { model.encoder.dimensions }

    /// The size that a request means.
    ///
    /// - Throws: `APIFailure.invalidRequest` where the model is smaller, or nobody has recorded what it is worth at that size and
    ///   `allowsUnmeasured` is false.
    func size(
        dimensions: Int?, layers: Int?, form: VectorForm? = nil, allowsUnmeasured: Bool
    ) throws(APIFailure) -> ModelSize {
        let full = ModelSize(layers: model.encoder.layerCount, dimensions: self.dimensions)
        let size = ModelSize(layers: layers ?? full.layers, dimensions: dimensions ?? full.dimensions)
        guard (1...full.dimensions).contains(size.dimensions) else {
            throw APIFailure(
                .invalidRequest,
                "The model '\(name)' has 1 to \(full.dimensions) dimensions, not \(size.dimensions).",
                code: "invalid_dimensions", parameter: "dimensions")
        }
        guard (1...full.layers).contains(size.layers) else {
            throw APIFailure(
                .invalidRequest, "The model '\(name)' has 1 to \(full.layers) layers, not \(size.layers).",
                code: "invalid_layers", parameter: "layers")
        }
        let recorded = recorded(as: form)
        guard size == full || allowsUnmeasured || recorded.contains(size) else {
            let known = recorded.isEmpty ? "none" : recorded.map(\.description).joined(separator: ", ")
            throw APIFailure(
                .invalidRequest,
                "Nobody has recorded what the model '\(name)' is worth at \(size.layers) layers and \(size.dimensions) dimensions\(form.map { " as \($0.rawValue)" } ?? "") (recorded: \(known)). Measure and record it with `kukla eval sizes --model DIR --record`, or start the server with --allow-unmeasured-dimensions.",
                code: "unmeasured_size", parameter: dimensions == nil ? "layers" : "dimensions")
        }
        return size
    }

    /// Sizes that were measured, of vectors in this form; as float32 where nil.
    func recorded(as form: VectorForm? = nil) -> [ModelSize] {
        (sizes?.sizes ?? []).filter { entry in
            switch form {
            case nil: entry.quality != nil
            case .int8: entry.int8 != nil
            case .binary: entry.binary != nil
            }
        }.map(\.size)
    }
}
