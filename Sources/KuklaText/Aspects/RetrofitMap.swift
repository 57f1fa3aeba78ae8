package import Foundation
import KuklaFormats
public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// A map of frozen document vectors that makes those alike which an aspect makes alike: `f(x) = x + B tanh(A x + a) + b`.
///
/// *Shapes:* `A [hidden, d]`, `B [d, hidden]`; rows in and out `[n, d]`. B and b start from zero: the map starts as the identity.
/// *Source:* Glavas and Vulic 2018, "Explicit retrofitting of distributional word vectors", doi:10.18653/v1/P18-1004.
/// *Differs from the paper in:* x itself is added, so that what training does not touch stays as it was.
public struct RetrofitMap: Module {
    let inner: Linear
    let outer: Linear

    public init(dimensions: Int, hidden: Int, using random: inout RandomSource) {
        contract(dimensions > 0 && hidden > 0, "RetrofitMap: \(dimensions) dimensions, \(hidden) hidden")
        inner = Linear(dimensions, hidden, using: &random)
        outer = Linear(weight: .zeros([dimensions, hidden]), bias: .zeros([dimensions]))
    }

    public func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("inner", inner)
        visitor.visit("outer", outer)
    }

    public var dimensions: Int { inner.inputDimensions }

    /// The mapped rows, not normalised.
    public func callAsFunction(_ x: Tensor) -> Tensor { x + outer(inner(x, activation: .tanh)) }

    /// The mapped rows, each of length 1.
    public func mapped(_ vectors: Matrix) -> Matrix {
        withoutGradient { self(Tensor(vectors)).normalized() }.matrix
    }

    static let fileName = "retrofit.safetensors"

    /// Writes the map into the folder `url`, which is made where it is not there.
    package func write(to url: URL) throws(KuklaError) {
        try ModelFolder.make("", in: url)
        try save(to: url.appending(path: Self.fileName))
    }

    /// Reads the map of a folder.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `badData` where the file holds no map of vectors of `dimensions`).
    init(_ folder: URL, dimensions: Int) throws(KuklaError) {
        let file = try SafetensorsFile(folder.appending(path: Self.fileName))
        let shape = try file.tensor(named: "inner.weight").shape
        guard shape.count == 2, shape[1] == dimensions, shape[0] > 0 else {
            throw KuklaError(
                .badData,
                "Cannot read \(file.url.path): expected a map of \(dimensions) dimensions, found inner.weight of shape \(shape)."
            )
        }
        var random = RandomSource(seed: 0)
        self.init(dimensions: dimensions, hidden: shape[0], using: &random)
        try load(from: file)
    }
}
