import KuklaNumerics

/// Figures of things that have names and no order along an axis: a line of dots for each, one dot a series.
///
/// Where a table compares methods, this is its picture: names can be read, and dots, unlike bars, may begin at any value.
public struct DotPlot: Sendable {
    /// One figure of every row.
    public struct Series: Sendable {
        public var name: String
        /// As many as there are rows; NaN where a row has none.
        public var values: [Double]

        public init(name: String, values: [Double]) {
            self.name = name
            self.values = values
        }
    }

    /// Names, from the top.
    public var rows: [String]
    public var series: [Series]
    public var xTitle: String

    public init(rows: [String], series: [Series], xTitle: String) {
        contract(
            series.allSatisfy { $0.values.count == rows.count },
            "DotPlot: \(series.map(\.values.count)) values for \(rows.count) rows")
        self.rows = rows
        self.series = series
        self.xTitle = xTitle
    }

    /// The plot; its height follows from the rows. A legend only where there is more than one series.
    public func svg(size: ChartSize = .wide) -> String {
        let n = Markup.coordinate
        let frame = ChartFrame(
            width: size.width, rows: rows,
            x: AxisScale(
                .linear, showing: series.flatMap(\.values), maximumTicks: size.width < 560 ? 4 : 8),
            legend: series.count < 2
                ? []
                : series.indices.map { .init(mark: dot(of: $0, x: 0, y: 0), text: series[$0].name) })
        var content: [String] = []
        for (row, name) in rows.enumerated() {
            let y = frame.vertical(Double(row))
            let known = series.indices.filter { series[$0].values[row].isFinite }
            let places = known.map { frame.horizontal(series[$0].values[row]) }
            // Dots of one row belong together.
            if let first = places.min(), let last = places.max(), last > first {
                content.append(
                    "<path class=\"kk-interval\" style=\"opacity:.5\" d=\"M\(n(first)) \(n(y))H\(n(last))\"/>"
                )
            }
            for (index, x) in zip(known, places) {
                let words =
                    "\(name): \(series[index].name) \(Quantity.significant(series[index].values[row]))"
                content.append(
                    "<g><title>\(Markup.escape(words))</title>\(dot(of: index, x: x, y: y))</g>")
            }
        }
        return frame.svg(
            description: "\(xTitle) of \(rows.count): \(series.map(\.name).joined(separator: ", "))",
            xTitle: xTitle, yTitle: "", content: content)
    }

    private func dot(of index: Int, x: Double, y: Double) -> String {
        let n = Markup.coordinate
        return
            "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"4.5\" style=\"fill:var(--kk-s\(index % 6))\"/>"
    }
}
