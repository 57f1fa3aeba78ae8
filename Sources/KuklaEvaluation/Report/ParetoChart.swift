public import KuklaFormats
import KuklaNumerics

/// Bytes a vector against recall, a point for every plan measured: what each byte buys.
///
/// The staircase is the best recall that any plan of at most that size reaches. Vertical strokes are 95%
/// intervals. Everything right of the budget line is over budget. Plans that were measured on a sample are left out.
public struct ParetoChart: Sendable {
    public let rows: [PlanRow]
    /// The budget in bytes a vector, where there is one.
    public var budget: Double?
    /// What the vertical axis shows.
    public var recallName: String

    /// - Precondition: sizes are above 0 and finite, recalls finite.
    public init(rows: [PlanRow], budget: Double? = nil, recallName: String = "Recall@10") {
        for row in rows {
            contract(
                row.bytesPerVector > 0 && row.bytesPerVector.isFinite && row.recall.isFinite,
                "ParetoChart: plan \(row.plan) has \(row.bytesPerVector) bytes a vector, recall \(row.recall)"
            )
        }
        self.rows = rows.filter { !$0.isOnSample }
        self.budget = budget
        self.recallName = recallName
    }

    /// The chart as an SVG picture that stands alone or inside a page.
    public func svg(size: ChartSize = .wide) -> String {
        let isNarrow = size.width < 560
        let frame = ChartFrame(
            size: size,
            x: AxisScale(
                .log2, showing: rows.map(\.bytesPerVector) + (budget.map { [$0] } ?? []),
                maximumTicks: isNarrow ? 6 : 12),
            y: AxisScale(
                .linear, showing: rows.flatMap { [$0.recall, $0.recallInterval.lowerBound] },
                maximumTicks: isNarrow ? 6 : 8, limit: 1),
            legend: legend, headroom: budget == nil ? 10 : 26)
        let front = PlanRow.paretoFront(of: rows)
        var content = budgetLine(in: frame)
        let stairs = staircase(front, in: frame)
        content.append("<path class=\"kk-front\" d=\"\(stairs.path)\"/>")
        // The chosen plan is drawn last, over its neighbours.
        let kinds = rows.indices.map { kind(of: $0, front: Set(front)) }
        let order = rows.indices.sorted { kinds[$0] < kinds[$1] }
        content += order.map { point($0, kinds[$0], in: frame) }
        // On a phone only the plans that matter are named; the table names the rest.
        let named = order.reversed().filter { !isNarrow || kinds[$0] != .other }
        content += labels(named, kinds, avoiding: stairs.lines, in: frame)
        return frame.svg(
            description: "\(recallName) against bytes a vector for \(rows.count) plans",
            xTitle: isNarrow ? "bytes a vector (log scale)" : "bytes a vector (each step doubles)",
            yTitle: "\(recallName) against exact search", content: content)
    }

    // MARK: - Parts

    private enum Kind: Int, Comparable {
        case other, front, chosen
        static func < (a: Kind, b: Kind) -> Bool { a.rawValue < b.rawValue }
        var style: String {
            switch self {
            case .other: ""
            case .front: " kk-on"
            case .chosen: " kk-pick"
            }
        }
    }

    private func kind(of index: Int, front: Set<Int>) -> Kind {
        rows[index].isChosen ? .chosen : front.contains(index) ? .front : .other
    }

    private static func mark(_ kind: Kind) -> String {
        switch kind {
        case .other: "<circle class=\"kk-dot\" r=\"4.5\"/>"
        case .front: "<circle class=\"kk-dot kk-on\" r=\"4.5\"/>"
        case .chosen: "<path class=\"kk-dot kk-pick\" d=\"M0 -9L9 0L0 9L-9 0Z\"/>"
        }
    }

    private var legend: [ChartFrame.LegendEntry] {
        var entries = [
            ChartFrame.LegendEntry(
                mark: "<path class=\"kk-front\" d=\"M-8 0H8\"/>" + Self.mark(.front),
                text: "best for its size"),
            .init(mark: Self.mark(.other), text: "beaten by a plan no larger"),
        ]
        if rows.contains(where: \.isChosen) {
            entries.append(.init(mark: Self.mark(.chosen), text: "chosen"))
        }
        entries.append(
            .init(mark: "<path class=\"kk-interval\" d=\"M0 -8V8M-3 -8H3M-3 8H3\"/>", text: "95% interval"))
        return entries
    }

    private func budgetLine(in frame: ChartFrame) -> [String] {
        guard let budget else { return [] }
        let n = Markup.coordinate
        let plot = frame.plot
        let h = frame.horizontal(budget)
        let text = "budget \(Quantity.bytesPerVector(budget)) B"
        let half = LabelPlacement.width(of: text, size: 12) / 2
        let centre = min(max(h, plot.x + half), plot.x + plot.width - half)
        return [
            "<rect class=\"kk-over\" x=\"\(n(h))\" y=\"\(n(plot.y))\" width=\"\(n(plot.x + plot.width - h))\" "
                + "height=\"\(n(plot.height))\"/>",
            "<path class=\"kk-budget\" d=\"M\(n(h)) \(n(plot.y - 6))V\(n(plot.y + plot.height))\"/>",
            "<text class=\"kk-budget-text\" x=\"\(n(centre))\" y=\"\(n(plot.y - 10))\" "
                + "text-anchor=\"middle\">\(text)</text>",
        ]
    }

    private func staircase(_ front: [Int], in frame: ChartFrame) -> (
        path: String, lines: [LabelPlacement.Box]
    ) {
        let n = Markup.coordinate
        var path = ""
        var lines: [LabelPlacement.Box] = []
        var last: (x: Double, y: Double)?
        for index in front {
            let x = frame.horizontal(rows[index].bytesPerVector)
            let y = frame.vertical(rows[index].recall)
            if let last {
                path += "H\(n(x))V\(n(y))"
                lines.append(.init(x: last.x, y: last.y - 1, width: x - last.x, height: 2))
                lines.append(.init(x: x - 1, y: y, width: 2, height: last.y - y))
            } else {
                path = "M\(n(x)) \(n(y))"
            }
            last = (x, y)
        }
        if let last {
            let end = frame.plot.x + frame.plot.width
            path += "H\(n(end))"
            lines.append(.init(x: last.x, y: last.y - 1, width: end - last.x, height: 2))
        }
        if let budget {
            lines.append(
                .init(x: frame.horizontal(budget) - 1, y: frame.plot.y, width: 2, height: frame.plot.height))
        }
        return (path, lines)
    }

    private func point(_ index: Int, _ kind: Kind, in frame: ChartFrame) -> String {
        let n = Markup.coordinate
        let row = rows[index]
        let (x, y) = (frame.horizontal(row.bytesPerVector), frame.vertical(row.recall))
        let low = frame.vertical(row.recallInterval.lowerBound) - y
        let high = max(frame.vertical(row.recallInterval.upperBound), frame.plot.y) - y
        var title =
            "\(row.plan)\(row.isChosen ? " (chosen)" : "")\n\(Quantity.bytesPerVector(row.bytesPerVector)) B a vector, "
            + "\(Quantity.bytes(row.totalBytes)) in all\n\(recallName) \(Quantity.fraction(row.recall)) "
            + "(\(Quantity.fraction(row.recallInterval.lowerBound)) to \(Quantity.fraction(row.recallInterval.upperBound)))"
        if row.queriesPerSecond > 0 { title += "\n\(Quantity.rate(row.queriesPerSecond)) queries/s" }
        if let latency = row.latency {
            title +=
                "\n\(Quantity.rate(latency.p50Milliseconds)) ms alone on one thread, 99% within \(Quantity.rate(latency.p99Milliseconds))"
        }
        if let effort = row.effort { title += "\neffort \(Quantity.count(effort))" }
        if let ndcg = row.ndcg { title += "\nnDCG@10 \(Quantity.fraction(ndcg))" }
        if let note = row.note { title += "\n\(note)" }
        return "<g class=\"kk-point\" transform=\"translate(\(n(x)) \(n(y)))\">"
            + "<title>\(Markup.escape(title))</title>"
            + "<path class=\"kk-interval\(kind.style)\" d=\"M0 \(n(low))V\(n(high))M-3 \(n(low))H3M-3 \(n(high))H3\"/>"
            + Self.mark(kind) + "<circle class=\"kk-hit\" r=\"11\"/></g>"
    }

    /// Names beside the points, most important first; one that finds no room is left to its hover title
    /// and the table.
    private func labels(
        _ order: [Int], _ kinds: [Kind], avoiding lines: [LabelPlacement.Box], in frame: ChartFrame
    ) -> [String] {
        let n = Markup.coordinate
        let centres = rows.map { (x: frame.horizontal($0.bytesPerVector), y: frame.vertical($0.recall)) }
        let dots = rows.indices.map { index in
            let reach = kinds[index] == .chosen ? 10.0 : 6
            return LabelPlacement.Box(
                x: centres[index].x - reach, y: centres[index].y - reach, width: 2 * reach, height: 2 * reach)
        }
        let strokes = zip(rows, centres).map { row, centre in
            let top = max(frame.vertical(row.recallInterval.upperBound), frame.plot.y)
            let bottom = frame.vertical(row.recallInterval.lowerBound)
            return LabelPlacement.Box(x: centre.x - 2, y: top, width: 4, height: bottom - top)
        }
        var placement = LabelPlacement(frame: frame.plot, points: dots, lines: lines + strokes)
        return order.compactMap { index in
            let text = rows[index].plan
            let (x, y) = centres[index]
            let width = LabelPlacement.width(of: text, size: kinds[index] == .chosen ? 13.5 : 12)
            guard let place = placement.place(width: width, height: 15, near: x, y) else { return nil }
            let box = place.box
            // The end of the label that is nearest to the point, for a thin line where they are apart.
            let nearX = min(max(x, box.x), box.x + box.width)
            let nearY = min(max(y, box.y + 3), box.y + box.height - 2)
            let distance = ((nearX - x) * (nearX - x) + (nearY - y) * (nearY - y)).squareRoot()
            let leader =
                distance > 16 || place.isAmbiguous
                ? "<path class=\"kk-leader\" d=\"M\(n(x)) \(n(y))L\(n(nearX)) \(n(nearY))\"/>" : ""
            return leader
                + "<text class=\"kk-label\(kinds[index].style)\" x=\"\(n(box.x + 2))\" y=\"\(n(box.y + 12))\">"
                + "\(Markup.escape(text))</text>"
        }
    }
}
