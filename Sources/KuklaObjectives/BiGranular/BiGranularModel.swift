package import KuklaCodecs
public import KuklaNN
package import KuklaNumerics
public import KuklaTensor

/// A linear layer with a layer norm over the vectors of a frozen model, and optionally product codes behind it whose centroids
/// are trained with it.
///
/// Begins as standardized vectors. Queries and documents go through the same head and are compared by inner product; only
/// documents are quantised.
/// *Source:* Xiao et al. 2022, arXiv:2201.05409, section 3.2.
public struct BiGranularModel: Module {
    let linear: Linear
    let norm: LayerNorm
    let codes: CentroidLayer?

    /// A head that gives `dimensions`, without codes.
    public init(dimensions: Int) {
        self.init(
            linear: Linear(weight: .identity(dimensions), bias: .zeros([dimensions])),
            norm: LayerNorm(dimensions), codes: nil)
    }

    private init(linear: Linear, norm: LayerNorm, codes: CentroidLayer?) {
        (self.linear, self.norm, self.codes) = (linear, norm, codes)
    }

    /// A copy of the head with the codes of an `OPQm,PQm` or `PQm` that was trained on what it gives.
    ///
    /// - Throws: `KuklaError.usage` where `codec` is another.
    package func coded(by codec: any VectorCodec) throws(KuklaError) -> BiGranularModel {
        let parameters = codec.parameters
        guard case .product(let subspaces, 8) = codec.configuration.quantizer,
            let centroids = parameters["quantizer.codebooks"] ?? parameters["codebooks"],
            codec.configuration.transforms.isEmpty || parameters["transform.0.matrix"] != nil,
            codec.dimensions == dimensions, centroids.columns * subspaces == dimensions
        else {
            throw KuklaError(
                .usage,
                "Cannot train the centroids of '\(codec.configuration)': expected PQm or OPQm,PQm of the head's dimensions."
            )
        }
        return copy(
            codes: CentroidLayer(
                rotation: parameters["transform.0.matrix"] ?? Tensor.identity(dimensions).matrix,
                centroids: centroids, subspaces: subspaces))
    }

    /// The same with parameters of its own.
    package func copy() -> BiGranularModel {
        copy(
            codes: codes.map {
                CentroidLayer(
                    rotation: $0.rotation.value.matrix, centroids: $0.centroids.value.matrix,
                    subspaces: $0.subspaces)
            })
    }

    private func copy(codes: CentroidLayer?) -> BiGranularModel {
        BiGranularModel(
            linear: Linear(weight: linear.weight.value, bias: linear.bias?.value),
            norm: LayerNorm(weight: norm.weight.value, bias: norm.bias.value, epsilon: norm.epsilon),
            codes: codes)
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("linear", linear)
        visitor.visit("norm", norm)
        visitor.visit("codes", codes)
    }

    /// Components of the vectors that come out.
    public var dimensions: Int { linear.outputDimensions }

    /// `[n, d]` vectors of the frozen model through the head.
    public func callAsFunction(_ vectors: Tensor) -> Tensor { norm(linear(vectors)) }

    /// The codec that does the same: `HEADd,F32`, or `HEADd,OPQm,PQm` with codes.
    ///
    /// - Parameter sample: vectors of the frozen model.
    package func codec(sample: Matrix) throws(KuklaError) -> any VectorCodec {
        let head = try HeadTransform(
            matrix: linear.weight.value.matrix,
            bias: linear.bias?.value.elements ?? [Float](repeating: 0, count: dimensions),
            scale: norm.weight.value.elements, shift: norm.bias.value.elements, sample: sample)
        var configuration = CodecConfiguration(transforms: [.head(dimensions: dimensions)])
        var parameters = Dictionary(
            uniqueKeysWithValues: head.parameters.map { ("transform.0." + $0.key, $0.value) })
        if let codes {
            configuration.transforms.append(
                .optimizedRotation(subspaces: codes.subspaces, dimensions: nil))
            configuration.quantizer = .product(subspaces: codes.subspaces, bits: 8)
            parameters["transform.1.matrix"] = codes.rotation.value.matrix
            parameters["quantizer.codebooks"] = codes.centroids.value.matrix
        }
        return try configuration.restore(
            metric: .cosine, dimensions: linear.inputDimensions, parameters: parameters)
    }
}

/// Product codes with trainable centroids behind a frozen rotation.
///
/// Forward takes the nearest centroid of each piece; backward goes through `softmax(-|v - c|^2)` over the centroids
/// (straight-through).
struct CentroidLayer: Module {
    /// `[d, d]`, never trained.
    let rotation: Parameter
    /// `[subspaces * 256, d / subspaces]`.
    let centroids: Parameter
    let subspaces: Int

    static let count = 256

    init(rotation: Matrix, centroids: Matrix, subspaces: Int) {
        contract(
            centroids.rows == subspaces * Self.count && centroids.columns * subspaces == rotation.rows,
            "CentroidLayer: \(centroids.rows) centroids of \(centroids.columns) for \(rotation.rows) dimensions"
        )
        self.rotation = Parameter(Tensor(rotation), isBuffer: true)
        self.centroids = Parameter(Tensor(centroids))
        self.subspaces = subspaces
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("rotation", rotation)
        visitor.visit("centroids", centroids)
    }

    /// What comes out of a head, turned as centroids are.
    func turned(_ heads: Tensor) -> Tensor { heads.matmul(rotation.tensor, transposingOther: true) }

    /// Turned vectors, each piece replaced by its nearest centroid.
    func quantized(_ turned: Tensor) -> Tensor {
        let all = centroids.tensor
        let size = all.shape[1]
        let pieces = (0..<subspaces).map { part in
            let piece = turned.slice(axis: 1, part * size..<(part + 1) * size)
            let book = all.slice(axis: 0, part * Self.count..<(part + 1) * Self.count)
            let squares = (book * book).sum(axes: [1]).reshaped([1, Self.count])
            let soft = (piece.matmul(book, transposingOther: true) * 2 - squares).softmax()
            return soft.topKMask(1).straightThrough(to: soft).matmul(book)
        }
        return Tensor.concatenated(pieces, axis: 1)
    }
}
