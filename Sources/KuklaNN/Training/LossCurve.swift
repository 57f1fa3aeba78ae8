import KuklaFormats

/// The course of a run as a picture: the loss, raw and smoothed, and below it the metric that decides which weights are best.
struct LossCurve {
    typealias Point = (x: Double, y: Double)

    let goal: MetricGoal?
    private var losses: [Point] = []
    private var evaluations: [Point] = []

    init(goal: MetricGoal?) { self.goal = goal }

    mutating func add(_ line: MetricsLine) {
        switch line.content {
        case .training(let means): losses.append((Double(line.step), means.loss))
        case .evaluation(let metrics, _):
            if let goal, let value = metrics[goal.name] { evaluations.append((Double(line.step), value)) }
        }
    }

    /// One picture, or two above each other in one. Curves of more than `pointLimit` points are thinned.
    var svg: String {
        let pale = LineChart.Series(name: "loss", points: Self.thinned(losses), mark: .paleLine)
        let smooth = LineChart.Series(name: "smoothed", points: Self.thinned(Self.smoothed(losses)))
        let top = LineChart(
            series: [pale, smooth], xTitle: "step", yTitle: "loss", yScale: Self.scale(of: losses)
        ).svg()
        guard let goal, !evaluations.isEmpty else { return top }
        let bottom = LineChart(
            series: [
                .init(name: "\(goal.name) (\(goal.mode.rawValue) is best)", points: evaluations, mark: .dots)
            ],
            xTitle: "step", yTitle: goal.name
        ).svg()
        let size = ChartSize.wide
        let (width, height) = (Int(size.width), Int(size.height))
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(2 * height + 10)" width="\(width)" \
            height="\(2 * height + 10)">
            \(top)
            <g transform="translate(0 \(height + 10))">
            \(bottom)
            </g>
            </svg>
            """
    }

    static let pointLimit = 2000

    /// Losses that fall over more than a power of ten and a half are read better on a log scale.
    private static func scale(of points: [Point]) -> AxisScale.Kind {
        let values = points.map(\.y).filter(\.isFinite)
        guard let low = values.min(), let high = values.max(), low > 0 else { return .linear }
        return high / low > 30 ? .log10 : .linear
    }

    /// An exponential mean over about a fortieth of the curve, corrected for its start.
    static func smoothed(_ points: [Point]) -> [Point] {
        let keep = 1 - 1 / max(1, Double(points.count) / 40)
        var (sum, weight) = (0.0, 0.0)
        return points.map { point in
            guard point.y.isFinite else { return point }
            sum = sum * keep + point.y * (1 - keep)
            weight = weight * keep + (1 - keep)
            return (point.x, sum / weight)
        }
    }

    /// Means of as many neighbours as bring the count down to the limit.
    static func thinned(_ points: [Point]) -> [Point] {
        let run = (points.count + pointLimit - 1) / pointLimit
        guard run > 1 else { return points }
        return stride(from: 0, to: points.count, by: run).map { start in
            let part = points[start..<min(start + run, points.count)]
            let count = Double(part.count)
            return (part.reduce(0) { $0 + $1.x } / count, part.reduce(0) { $0 + $1.y } / count)
        }
    }
}
