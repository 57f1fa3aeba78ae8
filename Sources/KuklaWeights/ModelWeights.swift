public import KuklaNN
import KuklaNumerics
public import KuklaTensor

/// The parameters of a model as values: tensors under their paths, buffers left out.
///
/// They share memory with the model until either writes: a snapshot.
public struct ModelWeights: Sendable {
    public let paths: [String]
    /// One a path, in the same order.
    public let tensors: [Tensor]

    public init(_ tensors: [(path: String, value: Tensor)]) {
        paths = tensors.map(\.path)
        self.tensors = tensors.map(\.value.detached)
    }

    /// What `model` has now.
    public init(of model: some Module) {
        self.init(
            model.parameters.filter { !$0.parameter.isBuffer }.map { ($0.path, $0.parameter.value) })
    }

    /// The number of elements.
    public var count: Int { tensors.reduce(0) { $0 + $1.count } }

    /// Zeros of the same shapes: the origin, seen from which whole models are directions.
    public var origin: ModelWeights {
        ModelWeights(zip(paths, tensors).map { ($0, .zeros($1.shape)) })
    }

    /// What is summed: models, each times a number.
    public typealias Term = (weight: Double, weights: ModelWeights)

    /// The sum of `terms`, in double. One term of weight 1 beside terms of weight 0 comes out bit for bit.
    ///
    /// - Precondition: at least one term; all of the same paths and shapes.
    /// - Complexity: O(terms * elements).
    public static func sum(_ terms: [Term]) -> ModelWeights {
        let first = terms[0].weights
        return ModelWeights(
            first.paths.indices.map { i in
                let shape = first.tensors[i].shape
                return (first.paths[i], Tensor(shape: shape) { write(terms, tensor: i, to: $0) })
            })
    }

    /// Gives `model` the sum of `terms`, in its own memory.
    ///
    /// - Precondition: as `sum`; the parameters of the model have these paths and shapes.
    public static func assign(_ terms: [Term], to model: some Module) {
        let parameters = model.parameters.filter { !$0.parameter.isBuffer }
        contract(
            terms.allSatisfy { $0.weights.paths == parameters.map(\.path) },
            "ModelWeights: the terms are not of this model")
        for (i, named) in parameters.enumerated() {
            named.parameter.update { value in
                value.withUnsafeMutableBufferPointer { write(terms, tensor: i, to: $0) }
            }
        }
    }

    private static func write(
        _ terms: [Term], tensor index: Int, to out: UnsafeMutableBufferPointer<Float>
    ) {
        // Left out, so that what is alone keeps the sign of its zeros.
        let kept = terms.filter { $0.weight != 0 }.map {
            (weight: $0.weight, tensor: $0.weights.tensors[index])
        }
        contract(kept.allSatisfy { $0.tensor.count == out.count }, "ModelWeights: terms of different shapes")
        guard let base = out.baseAddress else { return }
        nonisolated(unsafe) let to = base  // every block writes elements of its own
        tensorFor(out.count, grain: elementGrain) { block in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: block.count) { sums in
                sums.initialize(repeating: -0.0)
                for (weight, tensor) in kept {
                    let from = tensor.pointer + block.lowerBound
                    for i in 0..<block.count { sums[i] += weight * Double(from[i]) }
                }
                for i in 0..<block.count { to[block.lowerBound + i] = Float(sums[i]) }
            }
        }
    }
}

/// The sum of `body` over blocks of `count` elements: the same for any number of threads.
func blockSum(_ count: Int, _ body: @Sendable (Range<Int>) -> Double) -> Double {
    let blocks = (count + elementGrain - 1) / elementGrain
    var sums = [Double](repeating: 0, count: blocks)
    sums.withUnsafeMutableBufferPointer { sums in
        nonisolated(unsafe) let out = sums  // every block writes an element of its own
        tensorFor(blocks, grain: 1) { range in
            for block in range {
                out[block] = body(block * elementGrain..<min(count, (block + 1) * elementGrain))
            }
        }
    }
    return sums.reduce(0, +)
}
