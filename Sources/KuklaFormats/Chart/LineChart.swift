import KuklaNumerics

/// Lines over a common axis: loss over steps, quality over size, rate over threads.
public struct LineChart: Sendable {
    /// One line.
    public struct Series: Sendable {
        public var name: String
        /// In the order in which the line runs.
        public var points: [(x: Double, y: Double)]
        /// How it is drawn.
        public var mark: Mark

        public init(name: String, points: [(x: Double, y: Double)], mark: Mark = .line) {
            self.name = name
            self.points = points
            self.mark = mark
        }
    }

    /// How a series is drawn.
    public enum Mark: Sendable {
        /// A line.
        case line
        /// A thin, pale line, behind what matters: measurements before smoothing.
        case paleLine
        /// A line with a dot at each point, for few measurements.
        case dots
    }

    public var series: [Series]
    public var xTitle: String
    public var yTitle: String
    public var xScale: AxisScale.Kind
    public var yScale: AxisScale.Kind
    /// Whether the points of every line get a dot; wanted for few measurements, not for a curve of thousands.
    public var showsPoints: Bool

    public init(
        series: [Series], xTitle: String, yTitle: String, xScale: AxisScale.Kind = .linear,
        yScale: AxisScale.Kind = .linear, showsPoints: Bool = false
    ) {
        self.series = series
        self.xTitle = xTitle
        self.yTitle = yTitle
        self.xScale = xScale
        self.yScale = yScale
        self.showsPoints = showsPoints
    }

    /// The chart as an SVG picture that stands alone or inside a page.
    ///
    /// A point without a place (NaN, infinite, at or below 0 on a log scale) interrupts its line, so that a
    /// diverged run shows as a gap and not as a value. Six colours, then the same with dashes.
    public func svg(size: ChartSize = .wide) -> String {
        let isNarrow = size.width < 560
        let all = series.flatMap(\.points).filter { hasPlace($0) }
        let frame = ChartFrame(
            size: size,
            x: AxisScale(xScale, showing: all.map(\.x), maximumTicks: isNarrow ? 5 : 10),
            y: AxisScale(yScale, showing: all.map(\.y), maximumTicks: isNarrow ? 6 : 8),
            legend: series.indices.map {
                .init(mark: "<path \(stroke($0)) d=\"M-8 0H8\"/>", text: series[$0].name)
            })
        return frame.svg(
            description: "\(yTitle) against \(xTitle), \(series.count) lines", xTitle: xTitle, yTitle: yTitle,
            content: series.indices.map { line($0, in: frame) })
    }

    private func hasPlace(_ point: (x: Double, y: Double)) -> Bool {
        point.x.isFinite && point.y.isFinite && (xScale == .linear || point.x > 0)
            && (yScale == .linear || point.y > 0)
    }

    private func stroke(_ index: Int) -> String {
        let dash = ["", "7 4", "2 4"][index / 6 % 3]
        let pale = series[index].mark == .paleLine ? ";opacity:.35;stroke-width:1" : ""
        return "class=\"kk-series\" style=\"stroke:var(--kk-s\(index % 6))\(pale)\""
            + (dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"")
    }

    private func line(_ index: Int, in frame: ChartFrame) -> String {
        let n = Markup.coordinate
        var path = ""
        var dots = ""
        var isDown = false
        for point in series[index].points {
            guard hasPlace(point) else {
                isDown = false
                continue
            }
            let (x, y) = (n(frame.horizontal(point.x)), n(frame.vertical(point.y)))
            path += "\(isDown ? "L" : "M")\(x) \(y)"
            isDown = true
            if showsPoints || series[index].mark == .dots {
                let title =
                    "\(series[index].name): \(Quantity.significant(point.x)), \(Quantity.significant(point.y))"
                dots +=
                    "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"3.5\" style=\"fill:var(--kk-s\(index % 6))\">"
                    + "<title>\(Markup.escape(title))</title></circle>"
            }
        }
        return
            "<g><title>\(Markup.escape(series[index].name))</title><path \(stroke(index)) d=\"\(path)\"/>\(dots)</g>"
    }
}
