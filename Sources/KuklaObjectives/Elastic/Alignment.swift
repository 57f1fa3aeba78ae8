public import KuklaNN
import KuklaNumerics
import KuklaTensor

/// How a small size is taught by the full one: the Kullback-Leibler divergence of its softmax rows from the teacher's, times
/// `weight * temperature^2`, the mean over rows.
public struct Alignment: Sendable {
    /// What the softmax is taken over.
    public enum Space: String, RecipeChoice {
        /// The components of each embedding.
        case dimensions
        /// The cosines of each first text with all texts of the other columns (the documents of a batch).
        case candidates
    }

    public var space: Space
    public var weight: Float
    public var temperature: Float
    /// Whether the teacher is taken as it is; else it is drawn to its students, too.
    public var detachesTeacher: Bool

    public init(
        over space: Space = .dimensions, weight: Float = 1, temperature: Float = 1,
        detachesTeacher: Bool = true
    ) {
        contract(temperature > 0 && weight >= 0, "Alignment: temperature \(temperature), weight \(weight)")
        self.space = space
        self.weight = weight
        self.temperature = temperature
        self.detachesTeacher = detachesTeacher
    }

    /// *Shapes:* columns `[n, d]` of student and teacher; over candidates their d may differ.
    /// - Returns: a scalar, in which a weight of 0 leaves nothing.
    func callAsFunction(student: [Tensor], teacher: [Tensor]) -> Tensor {
        guard weight > 0 else { return Tensor(0) }
        let teacher = logits(teacher)
        let divergence = logits(student).divergence(
            fromLogits: detachesTeacher ? teacher.detached : teacher)
        return divergence * (weight * temperature * temperature)
    }

    private func logits(_ columns: [Tensor]) -> Tensor {
        let rows: Tensor =
            switch space {
            case .dimensions: Tensor.concatenated(columns, axis: 0)
            case .candidates:
                columns[0].normalized().matmul(
                    Tensor.concatenated(columns.dropFirst().map { $0.normalized() }, axis: 0),
                    transposingOther: true)
            }
        return temperature == 1 ? rows : rows * (1 / temperature)
    }
}
