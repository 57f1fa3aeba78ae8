public import KuklaNN
public import KuklaNumerics
import KuklaTensor

/// Models merged so that each linear layer answers each model's inputs as nearly as it can as that model did.
///
/// The weight of a layer is `W = (sum a_i G_i)^-1 sum a_i G_i W_i`, the least squares of `|X_i W - X_i W_i|^2`, where `G_i = X_i'X_i` is of
/// the inputs that the layer has in model i on examples of its task, its products of different inputs times `shrinkage`. All other
/// parameters are the mean by the weights `a_i`. The base takes no part.
/// *Source:* Jin, Ren, Preotiuc-Pietro and Cheng 2023, "Dataless knowledge fusion by merging weights of language models",
/// arXiv:2212.09849.
/// *Differs from the paper in:* G_i is a mean over tokens, so that longer texts count no more; what is solved for is the difference from
/// the mean, with a ridge of 1e-6 of G's mean diagonal, so that inputs which never occur keep the mean, and equal models themselves.
public struct RegMean {
    private struct Sums {
        var products: Tensor
        /// `G_i` times how far the model is from the mean, `[inputs, outputs]`.
        var targets: Tensor
    }

    /// What products of different inputs are multiplied by, 0 to 1.
    public let shrinkage: Double
    private let models: [ModelWeights]
    private let mean: ModelWeights
    private var sums: [String: Sums] = [:]

    /// - Parameter weights: one a model, all above 0.
    public init(_ models: [ModelWeights], weights: [Double], shrinkage: Double = 0.9) {
        contract((0...1).contains(shrinkage), "RegMean: a shrinkage of \(shrinkage), expected 0 to 1")
        let total = weights.reduce(0, +)
        self.models = models
        self.shrinkage = shrinkage
        mean = ModelWeights.sum(zip(models, weights).map { ($1 / total, $0) })
    }

    /// Adds one of the models.
    ///
    /// - Parameters:
    ///   - index: which of them.
    ///   - model: gets the weights of that model.
    ///   - pass: runs the model over examples of its task, without gradient.
    /// - Throws: `usage` where a layer of the model has an adapter, or there is no linear layer.
    /// - Complexity: O(tokens * inputs^2) a layer beside the pass; `[inputs, inputs + outputs]` numbers a layer are kept, twice the
    ///   products while a model is added.
    public mutating func add(
        _ index: Int, in model: some Module, weight: Double, pass: () -> Void
    ) throws(KuklaError) {
        ModelWeights.assign([(1, models[index])], to: model)
        let trainable = model.trainableParameters
        let paths = try model.addAdapters(matching: "*") { _ in InputProducts() }
        let readers = model.adaptedLayers.map { $0.linear.adapter as? InputProducts }
        pass()
        model.removeAdapters()
        // Adapters freeze everything else.
        for named in trainable { named.parameter.isTrainable = true }
        for (path, reader) in zip(paths, readers) {
            guard let products = reader?.mean else { continue }
            add("\(path).weight", products: shrunk(products) * Float(weight), of: models[index])
        }
    }

    private mutating func add(_ path: String, products: Tensor, of model: ModelWeights) {
        guard let place = mean.paths.firstIndex(of: path) else { return }
        let difference = model.tensors[place] - mean.tensors[place]
        let targets = products.matmul(difference, transposingOther: true)
        let known = sums[path]
        sums[path] = Sums(
            products: known.map { $0.products + products } ?? products,
            targets: known.map { $0.targets + targets } ?? targets)
    }

    private func shrunk(_ products: Tensor) -> Tensor {
        let diagonal = products.diagonal().diagonalMatrix()
        return products * Float(shrinkage) + diagonal * Float(1 - shrinkage)
    }

    /// The merge of the models that were added.
    ///
    /// - Throws: `badData` where a layer's products are singular beyond what the ridge mends, or not numbers.
    /// - Complexity: O(inputs^3 + inputs^2 * outputs) a layer.
    public func merged() throws(KuklaError) -> ModelWeights {
        var tensors = zip(mean.paths, mean.tensors).map { (path: $0, value: $1) }
        for (place, path) in mean.paths.enumerated() {
            guard let sums = sums[path] else { continue }
            let inputs = sums.products.shape[0]
            let scale = sums.products.diagonal().sum().item / Float(inputs)
            // A layer that never saw anything but zeros keeps the mean.
            guard scale > 0 else { continue }
            let ridge = Tensor.full([inputs], 1e-6 * scale).diagonalMatrix()
            let change = try (sums.products + ridge).solve(sums.targets)
            tensors[place].value = mean.tensors[place] + change.transposed()
        }
        return ModelWeights(tensors)
    }
}
