public import KuklaFormats

extension SizeGrid {
    /// Layers down, dimensions across; `*` marks the Pareto line.
    public func table() -> TextTable {
        TextTable(
            columns: [.init("layers", .right)]
                + dimensions.map { .init("\($0)d", .right) }
                + [.init("ms/text", .right), .init("model", .right)],
            rows: depths.enumerated().map { row, depth in
                [String(depth.layers)]
                    + dimensions.indices.map { column in
                        Quantity.fraction(quality[row][column], decimals: 4)
                            + (isOnFront(row, column) ? "*" : " ")
                    }
                    + [Quantity.rate(depth.secondsPerText * 1000), Quantity.bytes(depth.modelBytes)]
            } + [
                ["bytes"] + dimensions.map { "\(Quantity.count(Self.bytesPerVector($0))) " }
            ])
    }

    /// Quality by layers and dimensions as a picture; the Pareto line is framed.
    public func heatMap() -> HeatMap {
        HeatMap(
            rows: depths.map { "\($0.layers) layers, \(Quantity.rate($0.secondsPerText * 1000)) ms" },
            columns: dimensions.map { "\($0)d, \(Quantity.count(Self.bytesPerVector($0))) B" },
            values: quality,
            isMarked: depths.indices.map { row in dimensions.indices.map { isOnFront(row, $0) } },
            description: "\(metric) by layers and dimensions")
    }

    /// Quality over the bytes of a vector, a line for each number of layers.
    public func lines() -> LineChart {
        LineChart(
            series: depths.enumerated().map { row, depth in
                .init(
                    name: depth.layers == 1 ? "1 layer" : "\(depth.layers) layers",
                    points: zip(dimensions, quality[row]).map { (Double(Self.bytesPerVector($0)), $1) })
            }, xTitle: "bytes a vector (float32)", yTitle: metric, xScale: .log2, showsPoints: true)
    }

    /// The page: heat map, lines and facts.
    public func report(
        title: String, summary: String, facts: [HTMLReport.FactGroup] = [], commands: [String] = []
    ) -> HTMLReport {
        let (map, lines) = (heatMap(), lines())
        return HTMLReport(
            title: title, summary: summary, plans: [],
            figures: [
                .init(
                    title: "What each size is worth",
                    caption:
                        "\(metric) by layers and dimensions, with the time that embedding a text takes and the bytes of its vector. Framed: no size that is smaller in both is as good.",
                    wide: map.svg(size: .wide), narrow: map.svg(size: .narrow)),
                .init(
                    title: "Quality over bytes", caption: "A line for each number of layers.",
                    wide: lines.svg(size: .wide), narrow: lines.svg(size: .narrow)),
            ], facts: facts, commands: commands)
    }
}
