import KuklaNumerics
public import KuklaTensor

/// Explicit retrofitting with pairs that belong together: each pair should meet, and each neighbour of either keep its distance.
///
/// With cosine distances y before and p after the map, `y_0 = 0` of the pair as it is wanted, `y_i` of neighbour i as it was:
/// the mean of `((y_i - y_0) - (p_i - p_0))^2` over all neighbours of both sides, plus `regularization` times the mean of
/// `1 - cos(f(x), x)` over all vectors.
///
/// *Source:* Glavas and Vulic 2018, "Explicit retrofitting of distributional word vectors", doi:10.18653/v1/P18-1004.
/// *Differs from the paper in:* neighbours are of another label (see `RetrofitTask`); there are no pairs to be kept apart.
public struct RetrofittingLoss: Sendable {
    public var regularization: Float

    public init(regularization: Float = 0.1) {
        contract(regularization >= 0, "RetrofittingLoss: regularization \(regularization)")
        self.regularization = regularization
    }

    /// Two sides of n pairs, and k neighbours of each.
    ///
    /// *Shapes:* `first`, `second` `[n, d]`; their neighbours `[n k, d]`, those of a row behind one another.
    public struct Columns: Sendable {
        let first, second, firstNeighbours, secondNeighbours: Tensor

        public init(first: Tensor, second: Tensor, firstNeighbours: Tensor, secondNeighbours: Tensor) {
            contract(
                first.shape == second.shape && firstNeighbours.shape == secondNeighbours.shape
                    && first.rank == 2 && first.shape[0] > 0
                    && firstNeighbours.shape[0].isMultiple(of: first.shape[0]),
                "RetrofittingLoss: pairs \(first.shape) and \(second.shape), neighbours \(firstNeighbours.shape) and \(secondNeighbours.shape)"
            )
            self.first = first
            self.second = second
            self.firstNeighbours = firstNeighbours
            self.secondNeighbours = secondNeighbours
        }

        var all: Tensor { .concatenated([first, second, firstNeighbours, secondNeighbours]) }
        var neighbours: Int { firstNeighbours.shape[0] / first.shape[0] }

        /// All columns through a map of rows.
        func map(_ body: (Tensor) -> Tensor) -> Columns {
            let (n, k) = (first.shape[0], firstNeighbours.shape[0])
            let mapped = body(all)
            return Columns(
                first: mapped[rows: 0..<n], second: mapped[rows: n..<2 * n],
                firstNeighbours: mapped[rows: 2 * n..<2 * n + k],
                secondNeighbours: mapped[rows: 2 * n + k..<2 * n + 2 * k])
        }

        /// Cosine distances to each side's neighbours.
        func distances() -> [Tensor] {
            [(first, firstNeighbours), (second, secondNeighbours)].map { side, others in
                1 - Tensor.cosineSimilarity(side.repeatedEach(neighbours), others)
            }
        }
    }

    /// The loss of `mapped`, which stands for `original`: a scalar.
    public func callAsFunction(mapped: Columns, original: Columns) -> Tensor {
        let pair = (1 - Tensor.cosineSimilarity(mapped.first, mapped.second))
            .repeatedEach(mapped.neighbours)
        let errors = zip(original.distances(), mapped.distances()).map { before, after in
            (before.detached - (after - pair)).square().mean()
        }
        let kept = (1 - Tensor.cosineSimilarity(mapped.all, original.all.detached)).mean()
        return (errors[0] + errors[1]) * 0.5 + kept * regularization
    }
}
