import KuklaNumerics
import KuklaTensor
import KuklaTestSupport

extension GradientRegistry {
    /// One random tensor of three axes.
    private static func cube(_ random: inout RandomSource) -> [Tensor] {
        [Tensor.normal(random.shape(rank: 3), using: &random)]
    }

    /// A case for each axis, the last one also from the end.
    private static func everyAxis(
        _ name: String, apart: Bool = false, _ function: @escaping @Sendable (Tensor, Int) -> Tensor
    ) -> [GradientCase] {
        [0, 1, 2, -1].map { axis in
            GradientCase("\(name) axis \(axis)") { random in
                let shape = random.shape(rank: 3)
                return [apart ? random.apart(shape) : Tensor.normal(shape, using: &random)]
            } function: {
                function($0[0], axis)
            }
        }
    }

    // Row numbers that depend on the length alone, so that the moved inputs of a check get the same.
    private static func someIndices(_ count: Int, below length: Int) -> [Int32] {
        (0..<count).map { Int32(($0 * 7 + $0 / 3 + 1) % length) }
    }

    private static func length(_ x: Tensor, _ axis: Int) -> Int { x.shape[axis < 0 ? axis + x.rank : axis] }

    static let indexing: [GradientCase] =
        [
            everyAxis("gathered") { x, axis in
                x.gathered(axis: axis, indices: someIndices(7, below: length(x, axis)))
            },
            everyAxis("taken") { x, axis in
                x.taken(
                    along: axis,
                    indices: someIndices(3 * x.count / length(x, axis), below: length(x, axis)))
            },
            everyAxis("scatteredAdd") { x, axis in
                x.scatteredAdd(axis: axis, indices: someIndices(length(x, axis), below: 4), length: 4)
            },
            everyAxis("scatteredAddAlong") { x, axis in
                x.scatteredAdd(along: axis, indices: someIndices(x.count, below: 6), length: 6)
            },
            everyAxis("max", apart: true) { x, axis in x.max(axis: axis) },
            everyAxis("min", apart: true) { x, axis in x.min(axis: axis, keepingAxes: true) * x },
            everyAxis("sorted", apart: true) { x, axis in x.sorted(axis: axis, descending: axis == 1).values
            },
            everyAxis("flipped") { x, axis in x.flipped(axis: axis) },
            everyAxis("rolled") { x, axis in x.rolled(2, axis: axis) + x.rolled(-1, axis: axis) },
            everyAxis("repeated") { x, axis in x.repeated(3, axis: axis) },
            everyAxis("repeatedEach") { x, axis in x.repeatedEach(2, axis: axis) },
            everyAxis("strided") { x, axis in x.strided(axis: axis, by: 2) },
            everyAxis("slice") { x, axis in
                let length = length(x, axis)
                return x.slice(axis: axis, length / 3..<Swift.max(length - 1, length / 3 + 1))
            },
            everyAxis("padded") { x, axis in x.padded(axis: axis, before: 2, after: 1, value: 3) },
            everyAxis("concatenated") { x, axis in Tensor.concatenated([x, x * x, x + 1], axis: axis) },
            everyAxis("stacked") { x, axis in Tensor.stacked([x, x * x], axis: axis) },
            everyAxis("split") { x, axis in
                let pieces = x.split(lengths: [1, 0, length(x, axis) - 1], axis: axis)
                return Tensor.concatenated([pieces[2], pieces[0], pieces[1]], axis: axis)
            },
            everyAxis("normalized") { x, axis in (x + 1).normalized(axis: axis) + x },
            everyAxis("norm") { x, axis in x.norm(axis: axis) },
        ].flatMap { $0 } + [
            GradientCase("topK") { random in
                [random.apart([3, 2, 9])]
            } function: {
                $0[0].topK(4).values
            },
            GradientCase("indexAdd") { random in
                [Tensor.normal([4, 3], using: &random), Tensor.normal([5, 3], using: &random)]
            } function: {
                $0[0].indexAdd(rows: [3, 1, 3, 0, 3], $0[1])
            },
            GradientCase("max of all") { random in
                [random.apart([3, 4])]
            } function: {
                $0[0].max() * $0[0].min()
            },
            GradientCase("padded pairs", inputs: cube) { $0[0].padded([(1, 0), (0, 0), (2, 3)]) },
            GradientCase("normalized below epsilon", inputs: cube) { $0[0].normalized(epsilon: 50) },
            GradientCase("dot") { random in
                let shape = random.shape(rank: 3)
                return [Tensor.normal(shape, using: &random), Tensor.normal(shape, using: &random)]
            } function: {
                $0[0].dot($0[1])
            },
            GradientCase("cosineSimilarity") { random in
                let shape = random.shape(rank: 1) + [7]
                return [Tensor.normal(shape, using: &random), Tensor.normal(shape, using: &random)]
            } function: {
                $0[0].cosineSimilarity($0[1])
            },
            GradientCase("permuted") { random in
                [Tensor.normal(random.shape(rank: 4, most: 6), using: &random)]
            } function: { inputs in
                let x = inputs[0]
                return [[0, 2, 1, 3], [3, 0, 1, 2], [2, 3, 0, 1], [3, 2, 1, 0]].map {
                    x.permuted($0).reshaped([-1])
                }.reduce(x.transposed().reshaped([-1])) { $0 * 0.7 + $1 }
            },
        ]
}
