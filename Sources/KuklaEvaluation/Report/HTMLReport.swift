import KuklaFormats

/// One self-contained page with the evidence for a plan: chart, table, examples, and how to repeat it.
///
/// Works from `file://` and in a mail: no script, style, font or picture comes from elsewhere, and the
/// page's own content policy forbids it. All text is escaped.
public struct HTMLReport: Sendable {
    /// An example question and what the collection answered.
    public struct Answer: Sendable {
        /// One hit: its text, and where there are some its id and score as they should read.
        public struct Hit: Sendable {
            public var text: String
            public var id: String?
            public var score: String?

            public init(text: String, id: String? = nil, score: String? = nil) {
                self.text = text
                self.id = id
                self.score = score
            }
        }

        public var query: String
        /// Best first.
        public var hits: [Hit]

        public init(query: String, hits: [Hit]) {
            self.query = query
            self.hits = hits
        }
    }

    /// A titled list of names and values: the machine, the data, the settings.
    public struct FactGroup: Sendable {
        public var title: String
        public var facts: [(name: String, value: String)]

        public init(title: String, facts: [(name: String, value: String)]) {
            self.title = title
            self.facts = facts
        }
    }

    /// A further chart with a heading and words under it.
    public struct Figure: Sendable {
        public var title: String
        public var caption: String
        /// For a page on a desk, as `LineChart.svg(size: .wide)` gives it.
        public var wide: String
        /// For a phone, as `.narrow` gives it.
        public var narrow: String

        public init(title: String, caption: String, wide: String, narrow: String) {
            self.title = title
            self.caption = caption
            self.wide = wide
            self.narrow = narrow
        }
    }

    public var title: String
    /// The outcome in a sentence or two; stands first.
    public var summary: String
    public var plans: [PlanRow]
    /// Bytes a vector that the plan had to fit in.
    public var budget: Double?
    /// Bytes of an uncompressed float32 vector; adds the column "smaller".
    public var uncompressedBytesPerVector: Double?
    public var recallName: String
    public var figures: [Figure]
    public var answers: [Answer]
    public var facts: [FactGroup]
    /// Commands that make this report again.
    public var commands: [String]

    public init(
        title: String, summary: String, plans: [PlanRow], budget: Double? = nil,
        uncompressedBytesPerVector: Double? = nil, recallName: String = "Recall@10", figures: [Figure] = [],
        answers: [Answer] = [], facts: [FactGroup] = [], commands: [String] = []
    ) {
        self.title = title
        self.summary = summary
        self.plans = plans
        self.budget = budget
        self.uncompressedBytesPerVector = uncompressedBytesPerVector
        self.recallName = recallName
        self.figures = figures
        self.answers = answers
        self.facts = facts
        self.commands = commands
    }

    /// The whole page.
    public func html() -> String {
        let sections = [
            planSection, figures.map(section).joined(separator: "\n"), answerSection, factSection,
            commandSection,
        ].filter { !$0.isEmpty }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" \
            content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(Markup.escape(title))</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header>
            <h1>\(Markup.escape(title))</h1>
            <p class="summary">\(Markup.escape(summary))</p>
            </header>
            <main>
            \(sections.joined(separator: "\n"))
            </main>
            <script>
            \(Self.script)
            </script>
            </body>
            </html>

            """
    }
}

// MARK: - Sections

extension HTMLReport {
    private var planSection: String {
        guard !plans.isEmpty else { return "" }
        let chart = ParetoChart(rows: plans, budget: budget, recallName: recallName)
        return """
            <section>
            <h2>What each byte buys</h2>
            \(Self.picture(wide: chart.svg(size: .wide), narrow: chart.svg(size: .narrow)))
            <p class="caption">Each mark is a plan measured on all of this data (those dropped on a sample are in the table only); rest the pointer on one for its figures. \
            The line is the best that any plan of at most that size reaches.</p>
            </section>
            <section>
            <h2>Every plan tried</h2>
            \(planTable)
            </section>
            """
    }

    private var planTable: String {
        let table = PlanTable(
            rows: plans, recallName: recallName, uncompressedBytesPerVector: uncompressedBytesPerVector)
        // The note stands under the plan's name here: a column of its own would be empty in most rows.
        let columns = table.columns.filter { $0.title != PlanTable.noteTitle }
        let heads = columns.map { column in
            "<th scope=\"col\"\(column.isNumber ? " class=\"number\"" : "")>"
                + "<button type=\"button\">\(Markup.escape(column.title))</button></th>"
        }
        let front = Set(PlanRow.paretoFront(of: plans))
        let rows = plans.indices.map { index in
            let row = plans[index]
            let cells = columns.enumerated().map { position, column -> String in
                // A long factory string may break after its commas.
                let text = Markup.escape(column.text(row)).replacing(
                    ",", with: column.isNumber ? "," : ",<wbr>")
                let key = column.key(row).map { " data-key=\"\($0)\"" } ?? ""
                guard position == 0 else {
                    return "<td\(column.isNumber ? " class=\"number\"" : "")\(key)>\(text)</td>"
                }
                let mark =
                    row.isChosen
                    ? " <span class=\"badge\">chosen</span>"
                    : front.contains(index)
                        ? " <span class=\"front\" title=\"best for its size\">●</span>" : ""
                let note = row.note.map { "<small>\(Markup.escape($0))</small>" } ?? ""
                return
                    "<th scope=\"row\" data-key=\"\(Markup.escape(row.plan))\"><code>\(text)</code>\(mark)\(note)</th>"
            }
            return "<tr\(row.isChosen ? " class=\"chosen\"" : "")>\(cells.joined())</tr>"
        }
        return """
            <div class="scroll"><table id="plans">
            <thead><tr>\(heads.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table></div>
            """
    }

    private func section(_ figure: Figure) -> String {
        """
        <section>
        <h2>\(Markup.escape(figure.title))</h2>
        \(Self.picture(wide: figure.wide, narrow: figure.narrow))
        <p class="caption">\(Markup.escape(figure.caption))</p>
        </section>
        """
    }

    private static func picture(wide: String, narrow: String) -> String {
        "<div class=\"wide\">\(wide)</div><div class=\"narrow\">\(narrow)</div>"
    }

    private var answerSection: String {
        guard !answers.isEmpty else { return "" }
        let blocks = answers.map { answer in
            let hits = answer.hits.map { hit in
                let id = hit.id.map { "<code>\(Markup.escape($0))</code> " } ?? ""
                let score = hit.score.map { "<span class=\"score\">\(Markup.escape($0))</span>" } ?? ""
                return "<li><span>\(id)\(Markup.escape(hit.text))</span>\(score)</li>"
            }
            return "<article><h3>\(Markup.escape(answer.query))</h3><ol>\(hits.joined())</ol></article>"
        }
        return
            "<section><h2>Example answers</h2><div class=\"cards\">\(blocks.joined(separator: "\n"))</div></section>"
    }

    private var factSection: String {
        guard !facts.isEmpty else { return "" }
        let blocks = facts.map { group in
            let rows = group.facts.map {
                "<dt>\(Markup.escape($0.name))</dt><dd>\(Markup.escape($0.value))</dd>"
            }
            return "<article><h3>\(Markup.escape(group.title))</h3><dl>\(rows.joined())</dl></article>"
        }
        return
            "<section><h2>Data and machine</h2><div class=\"cards\">\(blocks.joined(separator: "\n"))</div></section>"
    }

    private var commandSection: String {
        guard !commands.isEmpty else { return "" }
        return "<section><h2>Do it again</h2><pre><code>"
            + commands.map(Markup.escape).joined(separator: "\n") + "</code></pre></section>"
    }
}
