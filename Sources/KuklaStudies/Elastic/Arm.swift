import KuklaFormats
import KuklaNN
import KuklaObjectives

/// One of the trainings that a study compares.
struct Arm: Sendable {
    /// What progress calls it.
    let name: String
    let loss: any LayeredLoss
    let seed: UInt64
    /// Passes over the examples.
    var epochs = 1
}

/// What arms are trained on, and how: the same for all that are compared.
struct ArmExamples: Sendable {
    /// Texts that belong together.
    let rows: [[String]]
    /// A number for each row; none where rows are pairs for in-batch negatives.
    let scores: [Float]
    let recipe: Recipe<FineTuningOptions>

    /// Sentence pairs with scores, by the recipe of docs/studies/sts.yaml but for its epochs: it was chosen for plain fine-tuning, on
    /// the dev split.
    init(_ pairs: [SentencePair], batchSize: Int = 64) {
        rows = pairs.map { [$0.first, $0.second] }
        scores = pairs.map { Float($0.score) / 5 }
        recipe = Self.recipe(batchSize: batchSize, learningRate: 1e-4, dropout: 0)
    }

    /// Texts and their answers.
    ///
    /// - Parameter maximumTokens: that are read of a text.
    init(answers rows: [[String]], batchSize: Int, maximumTokens: Int) {
        self.rows = rows
        scores = []
        var recipe = Self.recipe(batchSize: batchSize, learningRate: 5e-5, dropout: nil)
        recipe.options.maximumTokens = maximumTokens
        self.recipe = recipe
    }

    private static func recipe(
        batchSize: Int, learningRate: Float, dropout: Float?
    ) -> Recipe<FineTuningOptions> {
        var recipe = Recipe(training: CosineOptions.recipe.training, options: FineTuningOptions())
        recipe.training.batchSize = batchSize
        recipe.training.learningRate = learningRate
        recipe.options.dropout = dropout
        return recipe
    }
}
