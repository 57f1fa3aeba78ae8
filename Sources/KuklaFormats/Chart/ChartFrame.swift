import Foundation

/// The size of a chart in CSS pixels, at which its text has its natural size.
public struct ChartSize: Sendable, Equatable {
    public var width: Double
    public var height: Double

    public init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    /// For a page on a desk.
    public static let wide = ChartSize(width: 860, height: 470)
    /// For a phone.
    public static let narrow = ChartSize(width: 360, height: 400)
}

/// What every chart has: colours for light and dark, a legend, two axes with a grid, and their titles.
package struct ChartFrame {
    /// One entry of the legend: a mark drawn around (0, 0), at most 16 wide, and its words.
    package struct LegendEntry {
        var mark: String
        var text: String

        package init(mark: String, text: String) {
            self.mark = mark
            self.text = text
        }
    }

    /// What stands along the left side.
    private enum Side {
        case scale(AxisScale)
        /// Names from the top, each in lines as they fit.
        case rows([[String]])
    }

    let size: ChartSize
    let x: AxisScale
    private let side: Side
    let left: Double
    let right = 16.0
    let bottom = 52.0
    let top: Double
    private let legend: [(entry: LegendEntry, x: Double, y: Double)]

    /// - Parameter headroom: free pixels between the legend and the plot.
    package init(
        size: ChartSize, x: AxisScale, y: AxisScale, legend entries: [LegendEntry], headroom: Double = 10
    ) {
        self.size = size
        self.x = x
        side = .scale(y)
        left = 58
        let (legend, end) = Self.placed(entries, width: size.width)
        self.legend = legend
        top = end + headroom
    }

    /// A frame with named rows along its left side; its height follows from them.
    init(width: Double, rows: [String], x: AxisScale, legend entries: [LegendEntry]) {
        let names = rows.map { LabelPlacement.lines(of: $0, size: 12, width: width * 0.4) }
        self.x = x
        side = .rows(names)
        left = 16 + (names.joined().map { LabelPlacement.width(of: $0, size: 12) }.max() ?? 0)
        let (legend, end) = Self.placed(entries, width: width)
        self.legend = legend
        top = end + 6
        let height = 14 * Double(names.map(\.count).max() ?? 1) + 10
        size = ChartSize(width: width, height: top + height * Double(rows.count) + bottom)
    }

    /// The places of a legend's entries, and where they end.
    private static func placed(
        _ entries: [LegendEntry], width: Double
    ) -> ([(entry: LegendEntry, x: Double, y: Double)], end: Double) {
        var placed: [(LegendEntry, Double, Double)] = []
        var (column, row) = (12.0, 18.0)
        for entry in entries {
            let taken = 24 + LabelPlacement.width(of: entry.text, size: 12) + 14
            if column > 12, column + taken > width - 4 {
                column = 12
                row += 20
            }
            placed.append((entry, column, row))
            column += taken
        }
        return (placed, entries.isEmpty ? 4 : row + 10)
    }

    package var plot: LabelPlacement.Box {
        .init(x: left, y: top, width: size.width - left - right, height: size.height - top - bottom)
    }

    package func horizontal(_ value: Double) -> Double { plot.x + x.position(value) * plot.width }
    /// Of a value on the left side's scale, or of a row by its number, from 0 at the top.
    package func vertical(_ value: Double) -> Double {
        let share =
            switch side {
            case .scale(let y): 1 - y.position(value)
            case .rows(let names): (value + 0.5) / Double(names.count)
            }
        return plot.y + share * plot.height
    }

    /// The whole picture around `content`, which is drawn over the grid.
    package func svg(description: String, xTitle: String, yTitle: String, content: [String]) -> String {
        let n = Markup.coordinate
        var out = [
            """
            <svg class="kk-chart" xmlns="http://www.w3.org/2000/svg" role="img" \
            aria-label="\(Markup.escape(description))" \
            viewBox="0 0 \(n(size.width)) \(n(size.height))" width="\(n(size.width))" height="\(n(size.height))">
            """,
            "<style>\(Self.style)</style>",
            "<rect class=\"kk-surface\" width=\"\(n(size.width))\" height=\"\(n(size.height))\" rx=\"6\"/>",
        ]
        for item in legend {
            out.append(
                "<g transform=\"translate(\(n(item.x + 8)) \(n(item.y - 4)))\">\(item.entry.mark)"
                    + "<text class=\"kk-legend\" x=\"14\" y=\"4\">\(Markup.escape(item.entry.text))</text></g>"
            )
        }
        out += axes()
        let middle = plot.y + plot.height / 2
        out.append(
            "<text class=\"kk-title\" x=\"\(n(plot.x + plot.width / 2))\" y=\"\(n(size.height - 12))\" "
                + "text-anchor=\"middle\">\(Markup.escape(xTitle))</text>")
        if !yTitle.isEmpty {
            out.append(
                "<text class=\"kk-title\" transform=\"translate(16 \(n(middle))) rotate(-90)\" "
                    + "text-anchor=\"middle\">\(Markup.escape(yTitle))</text>")
        }
        return (out + content + ["</svg>"]).joined(separator: "\n")
    }

    private func axes() -> [String] {
        let n = Markup.coordinate
        let area = plot
        let marks: [(place: Double, lines: [String])] =
            switch side {
            case .scale(let y): y.ticks.map { (vertical($0), [y.label($0)]) }
            case .rows(let names): names.indices.map { (vertical(Double($0)), names[$0]) }
            }
        var out: [String] = []
        for (place, lines) in marks {
            out.append(
                "<path class=\"kk-grid\" d=\"M\(n(area.x)) \(n(place))H\(n(area.x + area.width))\"/>")
            for (i, line) in lines.enumerated() {
                let y = place + 4 + 14 * (Double(i) - Double(lines.count - 1) / 2)
                out.append(
                    "<text class=\"kk-tick\" x=\"\(n(area.x - 8))\" y=\"\(n(y))\" text-anchor=\"end\">"
                        + "\(Markup.escape(line))</text>")
            }
        }
        for tick in x.ticks {
            let h = horizontal(tick)
            out.append(
                "<path class=\"kk-grid\" d=\"M\(n(h)) \(n(area.y))V\(n(area.y + area.height))\"/>"
                    + "<text class=\"kk-tick\" x=\"\(n(h))\" y=\"\(n(area.y + area.height + 17))\" "
                    + "text-anchor=\"middle\">\(x.label(tick))</text>")
        }
        out.append(
            "<path class=\"kk-axis\" d=\"M\(n(area.x)) \(n(area.y))V\(n(area.y + area.height))"
                + "H\(n(area.x + area.width))\"/>")
        return out
    }

    /// Colours as variables, so that a page or a picture alone follows the reader's light or dark setting.
    static let style = """
        .kk-chart{--kk-surface:#fff;--kk-ink:#1b1f24;--kk-muted:#5f6976;--kk-grid:#e8ebf0;--kk-front:#1d5fbf;\
        --kk-other:#8b95a3;--kk-chosen:#c2410c;--kk-s0:#1d5fbf;--kk-s1:#c2410c;--kk-s2:#0f7b5f;--kk-s3:#8a3ab0;\
        --kk-s4:#946200;--kk-s5:#b3245d;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        @media (prefers-color-scheme:dark){.kk-chart{--kk-surface:#171b21;--kk-ink:#e8ebf0;--kk-muted:#9aa4b2;\
        --kk-grid:#2a3039;--kk-front:#79b0ff;--kk-other:#77818f;--kk-chosen:#ff9a57;--kk-s0:#79b0ff;--kk-s1:#ff9a57;\
        --kk-s2:#58c9a4;--kk-s3:#cf9bf0;--kk-s4:#e0b44c;--kk-s5:#ff86b0}}
        .kk-surface{fill:var(--kk-surface)}.kk-grid{stroke:var(--kk-grid);fill:none}
        .kk-axis{stroke:var(--kk-muted);fill:none}.kk-tick,.kk-legend{font-size:12px;fill:var(--kk-muted)}
        .kk-title{font-size:13px;fill:var(--kk-ink)}.kk-cell{font-size:12px;fill:var(--kk-ink)}.kk-label{font-size:12px;fill:var(--kk-muted);\
        paint-order:stroke;stroke:var(--kk-surface);stroke-width:3px;stroke-linejoin:round}
        .kk-label.kk-on{fill:var(--kk-ink)}.kk-label.kk-pick{fill:var(--kk-chosen);font-weight:700}
        .kk-front{stroke:var(--kk-front);stroke-width:1.8;fill:none;stroke-linejoin:round}
        .kk-dot{fill:var(--kk-surface);stroke:var(--kk-other);stroke-width:1.6}
        .kk-dot.kk-on{fill:var(--kk-front);stroke:var(--kk-front)}
        .kk-dot.kk-pick{fill:var(--kk-chosen);stroke:var(--kk-surface);stroke-width:1.5}
        .kk-interval{stroke:var(--kk-other);fill:none}.kk-interval.kk-on{stroke:var(--kk-front)}
        .kk-interval.kk-pick{stroke:var(--kk-chosen);stroke-width:1.6}
        .kk-leader{stroke:var(--kk-muted);stroke-width:.7;fill:none}
        .kk-budget{stroke:var(--kk-chosen);stroke-dasharray:5 4;fill:none}
        .kk-budget-text{font-size:12px;fill:var(--kk-chosen)}.kk-over{fill:var(--kk-muted);opacity:.07}
        .kk-point:hover .kk-dot{stroke:var(--kk-ink);stroke-width:2.4}.kk-hit{fill:transparent}
        .kk-series{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
        """
}
