import KuklaNN
public import KuklaNumerics

/// How a click model is trained.
public struct TrainerOptions: Sendable, Equatable {
    /// The optimizer's rule.
    public enum Rule: String, Sendable, CaseIterable, Codable {
        case adam, adagrad, sgd

        var update: any UpdateRule {
            switch self {
            case .adam: Adam()
            case .adagrad: Adagrad()
            case .sgd: SGD()
            }
        }
    }

    public var rule: Rule
    public var learningRate: Float
    public var batchSize: Int
    /// Passes over the training rows, at most.
    public var epochs: Int
    /// How often in an epoch the validation rows are looked at.
    public var checksPerEpoch: Int
    /// Checks without a better validation AUC (log-loss where there is one class) after which training stops.
    public var patience: Int
    /// Mini-batch aware L2: the strength, 0 for none.
    public var batchAwareL2: Float
    /// L2 over all that the table trains, in every step; 0 for none. Every row is read and written in every step: what mini-batch aware L2 is
    /// compared with.
    public var wholeTableL2: Float = 0
    public var seed: UInt64

    public init(
        rule: Rule = .adam, learningRate: Float = 1e-3, batchSize: Int = 2048, epochs: Int = 30,
        checksPerEpoch: Int = 4, patience: Int = 8, batchAwareL2: Float = 0, seed: UInt64 = 1
    ) {
        self.rule = rule
        self.learningRate = learningRate
        self.batchSize = batchSize
        self.epochs = epochs
        self.checksPerEpoch = checksPerEpoch
        self.patience = patience
        self.batchAwareL2 = batchAwareL2
        self.seed = seed
    }

    /// - Throws: `KuklaError(.usage)` for settings that make no sense.
    public func check() throws(KuklaError) {
        guard learningRate > 0, learningRate.isFinite, batchSize > 0, epochs > 0, checksPerEpoch > 0,
            patience > 0, batchAwareL2 >= 0, wholeTableL2 >= 0
        else {
            throw KuklaError(
                .usage,
                "Cannot train: expected a learning rate above 0, batch size, epochs, checks and patience of 1 or more, and L2 of 0 or more."
            )
        }
    }
}
