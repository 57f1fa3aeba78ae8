public import KuklaNN
public import KuklaNumerics
import KuklaText

/// The keys under `options` of `kukla train matryoshka`.
public struct MatryoshkaOptions: RecipePart {
    /// How the sizes are trained.
    public enum Method: String, RecipeChoice {
        /// All dimensions, of the whole model (`MatryoshkaLoss`).
        case mrl
        /// Any layer with any dimensions, drawn anew for each step (`Matryoshka2DLoss`).
        case twoDimensional = "2dmse"
        /// A list of sizes, all in every step (`StarbucksLoss`).
        case starbucks
    }

    /// Nil: `2dmse` where layers are named, `mrl` otherwise.
    public var method: Method?
    /// Falling; none: the model's own, halved up to five times while at least 8 are left; for `starbucks` those of its paper.
    public var dimensions: [Int] = []
    /// Rising; none: all for `2dmse`, spread evenly for `starbucks`.
    public var layers: [Int] = []
    /// What the loss of each of `dimensions` counts for, of `mrl`; none: 1.
    public var weights: [Float] = []
    /// How many of the smaller `dimensions` each step takes, drawn anew, of `mrl`; nil: all.
    public var dimensionsPerStep: Int?
    /// What smaller sizes are aligned over, by `2dmse` and `starbucks`.
    public var alignment = Alignment.Space.dimensions
    /// What the alignment counts for; nil: 1 for `2dmse`, 0.3 for `starbucks`, as their authors have it.
    public var alignmentWeight: Float?
    /// Divides what the alignment takes the softmax of.
    public var alignmentTemperature: Float = 1
    /// The loss of scored pairs.
    public var loss = CosineOptions.Loss.cosent
    /// Multiplies the similarities of CoSENT and AnglE.
    public var scale: Float = 20
    /// The score of pairs that mean the same; the scores begin at 0.
    public var maximumScore: Float = 5
    /// Divides the cosines of pairs without scores.
    public var temperature: Float = 0.05
    /// Whether positives also look for their anchors.
    public var isSymmetric = false
    /// The share of the rows, at most 1,000 of them, that is kept out of training to measure by where no other file is named.
    public var heldOut: Double = 0.1
    public var tuning = FineTuningOptions()

    public init() {}

    public mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
        try fields.field("method", &method)
        try fields.field("dims", &dimensions, .atLeast(1))
        try fields.field("layers", &layers, .atLeast(1))
        try fields.field("weights", &weights, .positive)
        try fields.field("dims_per_step", &dimensionsPerStep, .atLeast(1))
        try fields.field("align", &alignment)
        try fields.field("align_weight", &alignmentWeight, .notNegative)
        try fields.field("align_temperature", &alignmentTemperature, .positive)
        try fields.field("loss", &loss)
        try fields.field("scale", &scale, .positive)
        try fields.field("max_score", &maximumScore, .positive)
        try fields.field("temperature", &temperature, .positive)
        try fields.field("symmetric", &isSymmetric)
        try fields.field("held_out", &heldOut, .within(0...0.5))
        try tuning.visit(&fields)
    }

    /// The defaults of the method.
    public static var recipe: Recipe<MatryoshkaOptions> {
        var recipe = Recipe(options: MatryoshkaOptions())
        recipe.training.fineTuning(batchSize: 64)
        return recipe
    }
}
