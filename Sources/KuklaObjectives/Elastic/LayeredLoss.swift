public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// A scalar to minimise over the embeddings that several layers of one pass give: what trains a model to be left early.
public protocol LayeredLoss: Sendable {
    /// What logs call it.
    var name: String { get }

    /// What one step minimises. A method that draws layers or sizes draws here, once for the whole batch.
    func objective(mode: ForwardMode) -> LayeredObjective
}

/// The layers that one step reads, and the loss over their embeddings.
public struct LayeredObjective {
    /// After how many layers embeddings are read, rising.
    public let layers: [Int]
    /// *Shapes:* for each of `layers` the columns `[n, d]` of a batch, not normalised; n scores, or none; a scalar.
    public let loss: (_ columns: [[Tensor]], _ scores: [Float]) -> Tensor

    public init(layers: [Int], loss: @escaping (_ columns: [[Tensor]], _ scores: [Float]) -> Tensor) {
        contract(
            !layers.isEmpty && zip(layers, layers.dropFirst()).allSatisfy { $0 < $1 },
            "LayeredObjective: layers \(layers), expected rising numbers")
        self.layers = layers
        self.loss = loss
    }
}

/// A loss over the embeddings of the whole model.
public struct WholeModelLoss: LayeredLoss {
    public let base: any EmbeddingLoss
    public let layers: Int

    /// - Parameter layers: of the model.
    public init(_ base: any EmbeddingLoss, layers: Int) {
        self.base = base
        self.layers = layers
    }

    public var name: String { base.name }

    public func objective(mode: ForwardMode) -> LayeredObjective {
        LayeredObjective(layers: [layers]) { base($0[0], scores: $1) }
    }
}
