/// A picture of figures.
public protocol Chart: Sendable {
    /// The chart as an SVG picture that stands alone or inside a page, in colours for light and dark.
    func svg(size: ChartSize) -> String
}

extension LineChart: Chart {}
extension HeatMap: Chart {}
extension DotPlot: Chart {}
