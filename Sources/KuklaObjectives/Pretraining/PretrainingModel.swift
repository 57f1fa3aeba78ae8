public import Foundation
import KuklaFormats
public import KuklaNN
public import KuklaNumerics
import KuklaTensor
public import KuklaText

/// An encoder with what pre-training puts behind it: the head that tells words, and a decoder of one layer.
public struct PretrainingModel: Module {
    public let encoder: TextEncoderModule
    public let head: MaskedLanguageHead
    /// Begins as a copy of the encoder's first layer.
    public let decoder: TransformerBlock

    /// The file of a model's folder that keeps head and decoder, by the names that BERT and this module give them.
    public static let fileName = "pretraining.safetensors"

    /// The model in `folder`: its head and decoder are read where an earlier pre-training left them.
    ///
    /// - Throws: `KuklaError` as `TextEncoderModule`, and where the file of head and decoder is damaged or of another model.
    public init(
        folder: URL, dropout: TextEncoderModule.DropoutRates = .init(), seed: UInt64
    ) throws(KuklaError) {
        encoder = try TextEncoderModule(folder: folder, dropout: dropout)
        var random = RandomSource(seed: seed)
        head = MaskedLanguageHead(
            width: encoder.hiddenSize, vocabulary: encoder.vocabularySize,
            epsilon: encoder.layerNormEpsilon, using: &random)
        decoder = encoder.copiedFirstLayer()
        let file = folder.appending(path: Self.fileName)
        if FileManager.default.fileExists(atPath: file.path) { try kept.load(from: SafetensorsFile(file)) }
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("", encoder)
        visitor.visit("", kept)
    }

    /// Writes head and decoder.
    func save(to folder: URL) throws(KuklaError) {
        try kept.save(to: folder.appending(path: Self.fileName), metadata: ["format": "pt"])
    }

    private var kept: Kept { Kept(head: head, decoder: decoder) }

    private struct Kept: Module {
        let head: MaskedLanguageHead
        let decoder: TransformerBlock

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("cls.predictions", head)
            visitor.visit("decoder", decoder)
        }
    }
}
