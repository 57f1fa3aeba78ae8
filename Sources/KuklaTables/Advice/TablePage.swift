public import KuklaFormats

/// One self-contained page: AUC against bytes, and the figures behind the chart. Nothing comes from elsewhere.
public struct TablePage: Sendable {
    /// A table and budgets at which it was measured.
    public struct Line: Sendable {
        public var name: String
        /// Bytes, and the AUC of each seed.
        public var points: [(bytes: Int, aucs: [Double])]

        public init(name: String, points: [(bytes: Int, aucs: [Double])]) {
            self.name = name
            self.points = points
        }
    }

    /// Rows under headings.
    public struct Section: Sendable {
        public var title: String
        public var columns: [String]
        public var rows: [[String]]

        public init(title: String, columns: [String], rows: [[String]]) {
            self.title = title
            self.columns = columns
            self.rows = rows
        }
    }

    public var title: String
    /// The outcome in a sentence or two.
    public var summary: String
    public var lines: [Line]
    public var sections: [Section]
    /// Commands that repeat it, or go on from it.
    public var commands: [String]

    public init(
        title: String, summary: String, lines: [Line], sections: [Section], commands: [String] = []
    ) {
        self.title = title
        self.summary = summary
        self.lines = lines
        self.sections = sections
        self.commands = commands
    }

    /// AUC against bytes: a line through the means of the seeds, and a pale stroke from the lowest to the highest.
    public var chart: LineChart {
        var series: [LineChart.Series] = []
        for line in lines {
            let points = line.points.sorted { $0.bytes < $1.bytes }
            let spreads = points.filter { $0.aucs.count > 1 }.flatMap { point in
                [point.aucs.min() ?? 0, point.aucs.max() ?? 0, .nan].map { (x: Double(point.bytes), y: $0) }
            }
            series.append(
                .init(
                    name: line.name,
                    points: points.map {
                        (x: Double($0.bytes), y: $0.aucs.reduce(0, +) / Double(max(1, $0.aucs.count)))
                    }, mark: .dots))
            if !spreads.isEmpty {
                series.append(.init(name: "\(line.name), seeds", points: spreads, mark: .paleLine))
            }
        }
        return LineChart(series: series, xTitle: "bytes of the table", yTitle: "AUC", xScale: .log10)
    }

    /// The whole page.
    public func html() -> String {
        let escape = Markup.escape
        let tables = sections.map { section in
            """
            <section><h2>\(escape(section.title))</h2><div class="scroll"><table>
            <thead><tr>\(section.columns.map { "<th>\(escape($0))</th>" }.joined())</tr></thead>
            <tbody>\(section.rows.map { "<tr>\($0.map { "<td>\(escape($0))</td>" }.joined())</tr>" }.joined(separator: "\n"))</tbody>
            </table></div></section>
            """
        }
        let commands =
            commands.isEmpty
            ? ""
            : "<section><h2>Commands</h2><pre>\(escape(commands.joined(separator: "\n")))</pre></section>"
        let figure =
            lines.isEmpty
            ? "" : "<section><h2>AUC against bytes</h2><div class=\"figure\">\(chart.svg())</div></section>"
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(escape(title))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <h1>\(escape(title))</h1>
            <p class="summary">\(escape(summary))</p>
            \(([figure] + tables + [commands]).filter { !$0.isEmpty }.joined(separator: "\n"))
            </body>
            </html>

            """
    }

    private static let style = """
        :root{color-scheme:light dark;--page:#f4f5f7;--surface:#fff;--ink:#1b1f24;--muted:#5f6976;--line:#e2e6eb}
        @media (prefers-color-scheme:dark){:root{--page:#0f1216;--surface:#171b21;--ink:#e8ebf0;--muted:#9aa4b2;--line:#2a3039}}
        body{margin:0 auto;padding:24px 16px 48px;max-width:940px;background:var(--page);color:var(--ink);
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:0 0 .6rem}.summary{font-size:1.1rem;max-width:46em}
        section{margin-top:24px;padding:18px;background:var(--surface);border:1px solid var(--line);border-radius:10px}
        .figure svg{display:block;width:100%;height:auto}.scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
        th,td{padding:6px 9px;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}th{color:var(--muted)}
        pre{margin:0;overflow-x:auto;padding:12px;background:var(--page);border-radius:6px}
        """
}
