import KuklaNN
import KuklaNumerics
import KuklaTensor

extension TextEncoderModule {
    /// What first keeps two models from being the same function of different numbers, in words; nil where nothing does.
    ///
    /// Compares names and shapes of all tensors, then what the configurations say beside shapes.
    package func difference(to other: TextEncoderModule) -> String? {
        let (mine, theirs) = (parameters, other.parameters)
        for (a, b) in zip(mine, theirs) {
            if a.path != b.path { return "the tensor \(b.path) stands where \(a.path) is expected" }
            if a.parameter.shape != b.parameter.shape {
                return "the tensor \(a.path) has shape \(b.parameter.shape), expected \(a.parameter.shape)"
            }
        }
        if let more = theirs.dropFirst(mine.count).first { return "it has the tensor \(more.path) as well" }
        if let missing = mine.dropFirst(theirs.count).first {
            return "it lacks the tensor \(missing.path) of shape \(missing.parameter.shape)"
        }
        let pairs = zip(configuration.settings, other.configuration.settings)
        return pairs.first { $0.value != $1.value }.map { mine, theirs in
            "\(mine.name) is \(theirs.value), expected \(mine.value)"
        }
    }
}

extension EncoderConfiguration {
    /// What decides the function beside shapes.
    fileprivate var settings: [(name: String, value: String)] {
        [
            ("the number of heads", "\(heads)"), ("the activation", "\(Activation(activation))"),
            ("the epsilon of norms", "\(layerNormEpsilon)"), ("the pooling", "\(pooling)"),
            ("normalisation", "\(normalizes)"),
            ("the dense layers' activations", "\(dense.map { Activation($0.activation) })"),
        ]
    }
}

extension WordPieceTokenizer {
    /// What first keeps two tokenizers from giving the same ids, in words; nil where nothing does.
    package func difference(to other: WordPieceTokenizer) -> String? {
        if vocabularySize != other.vocabularySize {
            return "its vocabulary has \(other.vocabularySize) tokens, expected \(vocabularySize)"
        }
        for id in 0..<Int32(vocabularySize) {
            guard let mine = model.vocabulary.token(id), let theirs = other.model.vocabulary.token(id),
                !mine.elementsEqual(theirs)
            else { continue }
            return
                "token \(id) of its vocabulary is '\(String(decoding: theirs, as: UTF8.self))', expected '\(String(decoding: mine, as: UTF8.self))'"
        }
        if normalization != other.normalization {
            return "its tokenizer normalises texts in another way"
        }
        let added = { (model: WordPieceModel) in model.addedTokens.map(\.id).sorted() }
        let isSame =
            model.leadingIDs == other.model.leadingIDs && model.trailingIDs == other.model.trailingIDs
            && added(model) == added(other.model)
        return isSame ? nil : "its tokenizer puts other special tokens around texts"
    }
}
