/// The course of a run as a picture.
struct LossCurve {
    let goal: MetricGoal?
    private var losses: [(x: Double, y: Double)] = []
    private var evaluations: [(x: Double, y: Double)] = []

    init(goal: MetricGoal?) { self.goal = goal }

    mutating func add(_ line: MetricsLine) {
        switch line.content {
        case .training(let means): losses.append((Double(line.step), means.loss))
        case .evaluation(let metrics, _):
            if let goal, let value = metrics[goal.name] { evaluations.append((Double(line.step), value)) }
        }
    }

    var svg: String { "<svg xmlns=\"http://www.w3.org/2000/svg\"/>" }
}
