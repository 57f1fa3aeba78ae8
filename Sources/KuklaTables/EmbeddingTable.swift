public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// The vectors of all categorical fields of a schema while they are trained, however they are stored.
///
/// A `TableConfiguration` makes one for a budget of bytes. Vectors come through the tape: gradients reach the table's parameters, of rows
/// only where there are rows. `served()` gives what is saved and used; its byte count is the one that budgets mean.
public protocol EmbeddingTable: AnyObject, Module {
    var configuration: TableConfiguration { get }
    var schema: TableSchema { get }
    /// Columns that each field gives: `schema.width`, unless a field has several lookups.
    var widths: [Int] { get }

    /// The vectors of a batch, those of a row side by side: `[batch.rows, sum of widths of the batch's columns]`.
    ///
    /// In inference mode they are what the served table gives as well.
    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor

    /// A scalar to add to the loss, from all training passes since the last call; nil where the method has no such term.
    func takePenalty() -> Tensor?

    /// Called before the optimizer: may take the gradients of its own parameters out, and step these itself.
    func willUpdate(_ gradients: inout Gradients, _ training: TableTraining) throws(KuklaError)

    /// Called after the optimizer: requantising, pruning, steps of searched weights on validation batches.
    func didUpdate(_ training: TableTraining) throws(KuklaError)

    /// False while a schedule (a pruning rate) has not come to its end: weights of that time are not yet a result.
    var isSettled: Bool { get }

    /// Whether this stage has what it was for and should end now, whatever the validation score does.
    var wantsNextStage: Bool { get }

    /// The next stage of training, asked for when one has converged and its best weights are back; nil when training is over.
    func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage?

    /// The table as it is saved and used.
    func served() throws(KuklaError) -> any ServedTable
}

extension EmbeddingTable {
    public var widths: [Int] { schema.fields.map { _ in schema.width } }
    public func takePenalty() -> Tensor? { nil }
    public func willUpdate(_ gradients: inout Gradients, _ training: TableTraining) throws(KuklaError) {}
    public func didUpdate(_ training: TableTraining) throws(KuklaError) {}
    public var isSettled: Bool { true }
    public var wantsNextStage: Bool { false }
    public func nextStage(_ search: TableSearch) throws(KuklaError) -> TableStage? { nil }
}

/// What a table may ask of the training loop in a step.
public struct TableTraining {
    /// Updates made in this stage, this one included: from 1.
    public let step: Int
    public let learningRate: Float
    /// The gradients of the loss of this step's batch with the weights as they are now: one more pass forward and back.
    public let gradientsAgain: () throws(KuklaError) -> Gradients
    /// The gradients of the loss of the next validation batch with the weights as they are now. Never of a test batch.
    public let validationGradients: () throws(KuklaError) -> Gradients

    public init(
        step: Int, learningRate: Float,
        gradientsAgain: @escaping () throws(KuklaError) -> Gradients,
        validationGradients: @escaping () throws(KuklaError) -> Gradients
    ) {
        self.step = step
        self.learningRate = learningRate
        self.gradientsAgain = gradientsAgain
        self.validationGradients = validationGradients
    }
}

/// What a table may ask between two stages.
public struct TableSearch {
    /// The validation AUC of the model with the table as it is now.
    public let validationScore: () throws(KuklaError) -> Double
    /// Takes a line that says how far a search is.
    public let report: (String) -> Void

    public init(
        validationScore: @escaping () throws(KuklaError) -> Double,
        report: @escaping (String) -> Void = { _ in }
    ) {
        self.validationScore = validationScore
        self.report = report
    }
}

/// A stage of training that follows another.
public struct TableStage {
    /// Where the other parameters of the model start.
    public enum Start: Sendable {
        /// From their values before the first step of all.
        case initial
        /// From their values now.
        case current
    }

    /// Takes the place of the table before.
    public let table: any EmbeddingTable
    public let network: Start
    /// A word for logs.
    public let name: String

    public init(table: any EmbeddingTable, network: Start, name: String) {
        self.table = table
        self.network = network
        self.name = name
    }
}
