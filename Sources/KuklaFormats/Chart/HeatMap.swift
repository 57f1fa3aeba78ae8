import KuklaNumerics

/// A table of numbers as a picture: the larger a number, the fuller the colour of its cell.
public struct HeatMap: Sendable {
    /// Names of rows and columns.
    public var rows, columns: [String]
    /// A number for each cell, row by row.
    public var values: [[Double]]
    /// Cells with a frame.
    public var isMarked: [[Bool]]
    /// What the picture shows, for those who cannot see it.
    public var description: String

    public init(
        rows: [String], columns: [String], values: [[Double]], isMarked: [[Bool]], description: String
    ) {
        contract(
            values.count == rows.count && values.allSatisfy { $0.count == columns.count }
                && isMarked.map(\.count) == values.map(\.count),
            "HeatMap: \(values.map(\.count)) values for \(rows.count) rows and \(columns.count) columns")
        self.rows = rows
        self.columns = columns
        self.values = values
        self.isMarked = isMarked
        self.description = description
    }

    /// The map as an SVG picture that stands alone or inside a page; its height follows from the rows. Numbers are not shown in
    /// cells too narrow for them, but always under the pointer.
    public func svg(size: ChartSize = .wide) -> String {
        let n = Markup.coordinate
        let left = (rows.map { LabelPlacement.width(of: $0, size: 12) }.max() ?? 0) + 16
        let (width, height, top) = ((size.width - left - 8) / Double(max(columns.count, 1)), 34.0, 34.0)
        let total = top + height * Double(rows.count) + 8
        let finite = values.joined().filter(\.isFinite)
        let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
        // What stands before the first comma has to do in a narrow column.
        let heads = columns.map { head in
            LabelPlacement.width(of: head, size: 12) < width
                ? head : String(head.prefix { $0 != "," })
        }
        var out = [
            """
            <svg class="kk-chart" xmlns="http://www.w3.org/2000/svg" role="img" \
            aria-label="\(Markup.escape(description))" \
            viewBox="0 0 \(n(size.width)) \(n(total))" width="\(n(size.width))" height="\(n(total))">
            """,
            "<style>\(ChartFrame.style)</style>",
            "<rect class=\"kk-surface\" width=\"\(n(size.width))\" height=\"\(n(total))\" rx=\"6\"/>",
        ]
        for (column, head) in heads.enumerated() {
            out.append(
                text(head, "kk-tick", left + (Double(column) + 0.5) * width, top - 12, anchor: "middle"))
        }
        for (row, name) in rows.enumerated() {
            let y = top + Double(row) * height
            out.append(text(name, "kk-tick", left - 8, y + height / 2 + 4, anchor: "end"))
            for (column, value) in values[row].enumerated() {
                let x = left + Double(column) * width
                // Pale enough at its fullest for ink to stand on it.
                let share = high > low && value.isFinite ? (value - low) / (high - low) : 0
                let place =
                    "x=\"\(n(x + 1))\" y=\"\(n(y + 1))\" width=\"\(n(width - 2))\" height=\"\(n(height - 2))\""
                let label = value.isFinite ? Quantity.fraction(value, decimals: width < 52 ? 2 : 4) : "-"
                out.append(
                    "<g><title>\(Markup.escape("\(name); \(columns[column]): \(label)"))</title>"
                        + "<rect \(place) style=\"fill:var(--kk-front);opacity:\(n(0.04 + 0.5 * share))\"/>"
                        + (isMarked[row][column]
                            ? "<rect \(place) style=\"fill:none;stroke:var(--kk-chosen);stroke-width:1.6\"/>"
                            : "")
                        + (LabelPlacement.width(of: label, size: 12) < width
                            ? text(label, "kk-cell", x + width / 2, y + height / 2 + 4, anchor: "middle")
                            : "")
                        + "</g>")
            }
        }
        return (out + ["</svg>"]).joined(separator: "\n")
    }

    private func text(_ text: String, _ style: String, _ x: Double, _ y: Double, anchor: String) -> String {
        let n = Markup.coordinate
        return
            "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(Markup.escape(text))</text>"
    }
}
