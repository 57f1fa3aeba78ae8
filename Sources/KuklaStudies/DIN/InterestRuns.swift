import KuklaNN
import KuklaNumerics
import KuklaTables

/// Trainings of models of histories on one set, over a float row for each id.
final class InterestRuns {
    static let width = 16

    /// A model of the comparison.
    enum Model: String, CaseIterable {
        case base = "summed up"
        case din = "DIN"
        case dice = "DIN, Dice"
        case softmax = "DIN, softmax"
    }

    /// What the trainings of a model gave, one for each seed.
    struct Outcome {
        /// In points.
        let auc: SeededAUC
        let groupAUC: SeededAUC
        let parameters: Int
    }

    let bench: StudyBench
    let set: ExampleSet
    let epochs: Int
    let shape: CTRShape

    init(_ bench: StudyBench, _ set: ExampleSet, epochs: Int) throws(KuklaError) {
        self.bench = bench
        self.set = set
        self.epochs = epochs
        shape = CTRShape(set.schema, widths: set.vocabularies.map { _ in Self.width })
    }

    /// The network of a model; the base's first layer is as wide as makes its parameters those of DIN.
    func configuration(_ model: Model) throws(KuklaError) -> CTRConfiguration {
        let din = CTRConfiguration(
            .din, hidden: [80, 40],
            attention: .init(isNormalized: model == .softmax, usesDice: model == .dice))
        guard model == .base else { return din }
        let wanted = try din.make(shape, seed: 0).parameterCount
        var base = CTRConfiguration(.pooling, hidden: [80, 40], attention: din.attention)
        while try base.make(shape, seed: 0).parameterCount < wanted { base.hidden[0] += 1 }
        return base
    }

    /// Trains a model; its best weights by the validation rows.
    func train(
        _ model: Model, seed: UInt64, epochs: Int? = nil, checksPerEpoch: Int = 4,
        regularization: (batchAware: Float, whole: Float) = (0, 0)
    ) throws(KuklaError) -> TrainedClickModel {
        bench.progress.announce("\(model.rawValue), seed \(seed)")
        var options = TrainerOptions(
            batchSize: 512, epochs: epochs ?? self.epochs, checksPerEpoch: checksPerEpoch,
            patience: .max, batchAwareL2: regularization.batchAware)
        options.wholeTableL2 = regularization.whole
        return try TableExperiment(set, network: configuration(model), options: options).train(
            TableConfiguration(parsing: "dense"), width: Self.width, budget: nil, seed: seed)
    }

    func outcome(_ model: Model) throws(KuklaError) -> Outcome {
        var (points, grouped, parameters) = ([Double](), [Double](), 0)
        for seed in bench.seeds {
            let report = try train(model, seed: seed).report
            points.append(100 * (report.test?.auc ?? .nan))
            grouped.append(100 * (report.test?.groupAUC ?? .nan))
            parameters = report.networkParameters
        }
        return Outcome(
            auc: SeededAUC(each: points), groupAUC: SeededAUC(each: grouped), parameters: parameters)
    }
}
