public import KuklaNN
public import KuklaNumerics
import KuklaText

/// What a recipe says about fine-tuning a text encoder whatever the loss: keys under `options`.
public struct FineTuningOptions: RecipePart {
    /// Texts that are embedded at a time (`GradCache`): bounds the memory of large batches. Nil: the whole batch.
    public var microBatch: Int?
    /// Tokens that are read of a text; nil: as many as the model reads.
    public var maximumTokens: Int?
    /// The learning rate of a layer is that of the layer above times this.
    public var layerDecay: Float = 1
    /// Dropout while training, in place of the model's own.
    public var dropout: Float?

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("micro_batch", &microBatch, .atLeast(1))
        try fields.field("max_tokens", &maximumTokens, .atLeast(3))
        try fields.field("layer_decay", &layerDecay, .within(0.01...1))
        try fields.field("dropout", &dropout, .belowOne)
    }
}

extension FineTuningOptions {
    /// How many tokens are read of a text by a model that reads `length`.
    static func length(_ wanted: Int?, of length: Int) throws(KuklaError) -> Int {
        guard let wanted else { return length }
        guard wanted <= length else {
            throw KuklaError(
                .usage,
                "Cannot read \(wanted) tokens of a text: the model reads \(length). Give --max-tokens of at most that."
            )
        }
        return wanted
    }
}

/// The keys under `options` of `kukla train contrastive`.
public struct ContrastiveOptions: RecipePart {
    /// Divides the cosines.
    public var temperature: Float = 0.05
    /// Whether positives also look for their anchors.
    public var isSymmetric = false
    public var tuning = FineTuningOptions()

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("temperature", &temperature, .positive)
        try fields.field("symmetric", &isSymmetric)
        try tuning.visit(&fields)
    }

    /// The defaults of the method.
    public static var recipe: Recipe<ContrastiveOptions> {
        var recipe = Recipe(options: ContrastiveOptions())
        recipe.training.fineTuning(batchSize: 64)
        return recipe
    }
}

/// The keys under `options` of `kukla train cosine`.
public struct CosineOptions: RecipePart {
    /// What is minimised.
    public enum Loss: String, RecipeChoice { case cosent, angle, cosine }

    public var loss = Loss.cosent
    /// Multiplies the similarities of CoSENT and AnglE.
    public var scale: Float = 20
    /// The score of pairs that mean the same; the scores begin at 0.
    public var maximumScore: Float = 5
    public var tuning = FineTuningOptions()

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("loss", &loss)
        try fields.field("scale", &scale, .positive)
        try fields.field("max_score", &maximumScore, .positive)
        try tuning.visit(&fields)
    }

    /// The defaults of the method.
    public static var recipe: Recipe<CosineOptions> {
        var recipe = Recipe(options: CosineOptions())
        recipe.training.fineTuning(batchSize: 32)
        return recipe
    }

    /// The loss with these settings.
    public var embeddingLoss: any EmbeddingLoss { loss.embeddingLoss(scale: scale) }
}

extension CosineOptions.Loss {
    func embeddingLoss(scale: Float) -> any EmbeddingLoss {
        switch self {
        case .cosent: CoSENTLoss(scale: scale)
        case .angle: AnglELoss(scale: scale)
        case .cosine: CosineRegressionLoss()
        }
    }
}

extension TrainingSettings {
    /// What suits a pretrained encoder: a small rate that rises and falls, and little decay.
    mutating func fineTuning(batchSize: Int) {
        self.batchSize = batchSize
        learningRate = 2e-5
        weightDecay = 0.01
        clipNorm = 1
        schedule = ScheduleSettings(.linear)
        schedule.warmupFraction = 0.1
    }
}
