public import KuklaNN
public import KuklaNumerics
import KuklaText

/// The keys under `options` of `kukla train pretrain`.
public struct PretrainingOptions: RecipePart {
    /// What is learned.
    public enum Method: String, RecipeChoice {
        /// Hidden words (`MaskedLanguageModeling`).
        case mlm
        /// The same and rebuilding at several sizes (`StarbucksMAE`).
        case smae
        /// The same, rebuilding and the bag of words (`DupMAE`).
        case dupmae
    }

    public var method = Method.dupmae
    /// Of `smae`: layers x dimensions, as `2x64`; none: all layers with dimensions that halve with each.
    public var sizes: [String] = []
    /// The share of the words' tokens that the encoder does not see; nil: 0.15 for `mlm`, 0.2 for `smae`, 0.3 for `dupmae`, as their
    /// authors have it.
    public var encoderMask: Float?
    /// The same of the decoder, no less; nil: 0.4 for `smae`, 0.5 for `dupmae`.
    public var decoderMask: Float?
    /// Of `dupmae`: what the bag of words counts for.
    public var bowWeight: Float = 0.1
    /// Of `dupmae`: the share of the tokens that the decoder rebuilds in a step.
    public var decoderShare: Float = 1
    /// Tokens of a piece of text, special ones included; longer texts are cut into several. Nil: 128, or as many as the model reads.
    public var maximumTokens: Int?
    /// Dropout while training, in place of the model's own.
    public var dropout: Float?
    /// The share of the pieces, at most 500 of them, that is kept out of training to judge by.
    public var heldOut: Double = 0.05
    /// A new model of so many layers in place of the weights of the old one; nil: the old one.
    public var layers: Int?
    /// Of a new model.
    public var width = 192
    /// Of a new model.
    public var heads = 3
    /// Of a new model: words that are kept of the tokenizer, those that the corpus has most of; nil: all.
    public var vocabulary: Int?
    /// Of a new model: whether its words begin as principal components of the old one's.
    public var inheritsWords = false

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("method", &method)
        try fields.field("sizes", &sizes)
        try fields.field("encoder_mask", &encoderMask, .fraction)
        try fields.field("decoder_mask", &decoderMask, .fraction)
        try fields.field("bow_weight", &bowWeight, .notNegative)
        try fields.field("decoder_share", &decoderShare, .within(0.01...1))
        try fields.field("max_tokens", &maximumTokens, .atLeast(8))
        try fields.field("dropout", &dropout, .belowOne)
        try fields.field("held_out", &heldOut, .within(0...0.5))
        try fields.field("layers", &layers, .atLeast(1))
        try fields.field("width", &width, .atLeast(1))
        try fields.field("heads", &heads, .atLeast(1))
        try fields.field("vocabulary", &vocabulary, .atLeast(100))
        try fields.field("inherit_words", &inheritsWords)
    }

    /// The defaults.
    public static var recipe: Recipe<PretrainingOptions> {
        var recipe = Recipe(options: PretrainingOptions())
        recipe.training.fineTuning(batchSize: 32)
        recipe.training.learningRate = 1e-4
        return recipe
    }
}

extension PretrainingOptions {
    /// The masks of encoder and decoder.
    ///
    /// - Throws: `KuklaError.usage` where the decoder would see what the encoder does not, or nothing is hidden.
    func masks() throws(KuklaError) -> (encoder: Float, decoder: Float) {
        let (inner, outer): (Float, Float) =
            switch method {
            case .mlm: (0.15, 1)
            case .smae: (0.2, 0.4)
            case .dupmae: (0.3, 0.5)
            }
        let encoder = encoderMask ?? inner
        let decoder = decoderMask ?? max(outer, encoder)
        guard encoder > 0 else {
            throw KuklaError(
                .usage,
                "Cannot pre-train with an encoder mask of 0: no word would be hidden. Give a share above 0.")
        }
        guard encoder <= decoder else {
            throw KuklaError(
                .usage,
                "Cannot pre-train with a decoder mask of \(decoder) and an encoder mask of \(encoder): the decoder must not see more than the encoder. Give a --decoder-mask of at least \(encoder)."
            )
        }
        return (encoder, decoder)
    }

    /// The sizes that `smae` trains of a model.
    ///
    /// - Throws: `KuklaError.usage` for words that are no size, and sizes that the model does not have.
    func sizes(of full: ModelSize) throws(KuklaError) -> [ModelSize] {
        guard !sizes.isEmpty else {
            return (1...full.layers).map { layers in
                ModelSize(layers: layers, dimensions: max(1, full.dimensions >> (full.layers - layers)))
            }
        }
        var found: [ModelSize] = []
        for word in sizes {
            let numbers = word.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 2, let layers = numbers[0], let dimensions = numbers[1] else {
                throw KuklaError(
                    .usage,
                    "Cannot read the size '\(word)': expected layers and dimensions, as 2x64.")
            }
            guard (1...full.layers).contains(layers), (1...full.dimensions).contains(dimensions) else {
                throw KuklaError(
                    .usage,
                    "Cannot pre-train the size \(word): the model has \(full.layers) layers and \(full.dimensions) dimensions."
                )
            }
            let size = ModelSize(layers: layers, dimensions: dimensions)
            guard !found.contains(size) else {
                throw KuklaError(.usage, "Cannot pre-train the size \(word) twice: name each size once.")
            }
            found.append(size)
        }
        return found
    }
}
