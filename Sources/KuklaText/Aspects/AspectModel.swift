import Foundation
import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// The space of one aspect of an `AspectFolder`: texts to vectors that are near where this aspect makes them alike.
///
/// *Source:* Ostendorff et al. 2022, "Specialized document embeddings for aspect-based similarity of research papers",
/// arXiv:2203.14541.
public struct AspectModel: TextEmbedder {
    public let aspect: AspectFolder.Aspect
    private let model: EmbeddingModel
    private let map: RetrofitMap?

    /// - Throws: `KuklaError`: `usage` for an unknown aspect, with those that there are; as `EmbeddingModel` for what cannot be
    ///   loaded.
    public init(
        _ folder: AspectFolder, aspect name: String?, precision: TextEncoder.Precision = .float32
    ) throws(KuklaError) {
        aspect = try folder.aspect(named: name)
        let place = folder.folder(of: aspect)
        switch aspect.kind {
        case .lora:
            model = try EmbeddingModel(
                folder: folder.base,
                encoder: TextEncoder(
                    folder: folder.base, precision: precision, changes: try Self.changes(place, folder.base)))
            map = nil
        case .retrofit:
            model = try EmbeddingModel(folder: folder.base, precision: precision)
            map = try RetrofitMap(place, dimensions: model.encoder.dimensions)
        }
    }

    /// What a LoRA adds to the weights, by the layers' paths.
    private static func changes(_ folder: URL, _ base: URL) throws(KuklaError) -> [String: [Float]] {
        let module = try TextEncoderModule(folder: base)
        try module.loadLoRA(from: folder)
        var changes: [String: [Float]] = [:]
        for (path, linear) in module.adaptedLayers {
            guard path.hasPrefix("encoder."), let lora = linear.adapter as? LoRA else {
                throw KuklaError(
                    .unsupported,
                    "Cannot use the LoRA \(folder.path): it changes \(path), outside the encoder.")
            }
            changes[path] = withoutGradient { lora.weightChange }.withUnsafeBufferPointer { Array($0) }
        }
        return changes
    }

    public var dimensions: Int { model.encoder.dimensions }
    public var maximumLength: Int { model.encoder.maximumLength }

    public func embed(
        _ texts: [String], threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> EmbeddingModel.Embeddings {
        let found = try model.embed(texts, threads: threads, progress: progress)
        guard let map else { return found }
        return .init(vectors: map.mapped(found.vectors), truncatedCount: found.truncatedCount)
    }
}
