import Foundation
import KuklaEvaluation
import KuklaFormats
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct ReportTests {
    @Test func `the Pareto front is what no plan beats`() {
        let rows = [
            ReportSample.plan("a", 10, 0.5, 1), ReportSample.plan("b", 10, 0.6, 1),
            ReportSample.plan("c", 20, 0.6, 1), ReportSample.plan("d", 5, 0.1, 1),
            ReportSample.plan("e", 30, 0.9, 1), ReportSample.plan("f", 30, 0.9, 1),
        ]
        #expect(PlanRow.paretoFront(of: rows) == [3, 1, 4])
        #expect(PlanRow.paretoFront(of: []).isEmpty)
    }

    /// Well-formed XML, and every text element lies in the picture.
    func expectSound(_ svg: String, _ size: ChartSize) throws {
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        for match in svg.matches(of: /<text class="kk-label[^"]*" x="([-0-9.]+)" y="([-0-9.]+)">/) {
            #expect((0...size.width).contains(try #require(Double(match.1))))
            #expect((0...size.height).contains(try #require(Double(match.2))))
        }
    }

    @Test(arguments: [ChartSize.wide, ChartSize.narrow])
    func `the chart shows every plan, marks the chosen one and the budget`(size: ChartSize) throws {
        let svg = ParetoChart(rows: ReportSample.plans, budget: 48).svg(size: size)
        try expectSound(svg, size)
        #expect(svg.ranges(of: "class=\"kk-point\"").count == ReportSample.plans.count)
        #expect(svg.contains("PCA96,SQ4 (chosen)"))
        #expect(svg.contains("kk-label kk-pick"))
        #expect(svg.contains("budget 48 B"))
        #expect(svg.contains("prefers-color-scheme:dark"))
        // There is no recall above 1.
        #expect(svg.contains(">1.0</text>") && !svg.contains(">1.1</text>") && !svg.contains(">1.2</text>"))
    }

    @Test(arguments: [ChartSize.wide, ChartSize.narrow])
    func `labels cover neither each other nor a point`(size: ChartSize) throws {
        let svg = ParetoChart(rows: ReportSample.plans, budget: 48).svg(size: size)
        typealias Box = (x: Double, y: Double, width: Double, height: Double)
        let labels: [Box] = try svg.matches(
            of: /<text class="kk-label[^"]*" x="([-0-9.]+)" y="([-0-9.]+)">([^<]*)</
        )
        .map {
            (
                try #require(Double($0.1)), try #require(Double($0.2)) - 10,
                Double($0.3.count) * 12 * 0.55, 12
            )
        }
        let points: [Box] = try svg.matches(
            of: /class="kk-point" transform="translate\(([-0-9.]+) ([-0-9.]+)\)"/
        )
        .map { (try #require(Double($0.1)) - 4, try #require(Double($0.2)) - 4, 8, 8) }
        func overlap(_ a: Box, _ b: Box) -> Bool {
            a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
        }
        #expect(labels.count >= (size == .wide ? 18 : 7))
        for (i, label) in labels.enumerated() {
            #expect(!labels.dropFirst(i + 1).contains { overlap(label, $0) })
            #expect(!points.contains { overlap(label, $0) })
        }
    }

    @Test func `odd sets of plans still make a chart`() throws {
        let one = ReportSample.plan("<F32> & \"co\"\u{1}", 1536, 1, 0)
        for rows in [[], [one], [one, one], [ReportSample.plan("x", 0.25, 0, 0), one]] {
            try expectSound(ParetoChart(rows: rows).svg(), .wide)
            try expectSound(ParetoChart(rows: rows, budget: 3.5).svg(size: .narrow), .narrow)
        }
    }

    @Test func `a line chart breaks its line where a value has no place`() throws {
        let chart = LineChart(
            series: [.init(name: "loss", points: [(1, 2), (2, 1.5), (3, .nan), (4, 1), (5, 0), (6, 0.1)])],
            xTitle: "step", yTitle: "loss", yScale: .log10)
        let svg = chart.svg()
        try expectSound(svg, .wide)
        let path = try #require(
            svg.matches(of: /class="kk-series" style="stroke:var\(--kk-s0\)" d="(M[^"H]*)"/).last)
        #expect(path.1.count { $0 == "M" } == 3)
        try expectSound(LineChart(series: [], xTitle: "x", yTitle: "y").svg(), .wide)
    }

    @Test(arguments: [ChartSize.wide, ChartSize.narrow])
    func `a dot plot has a dot for every figure, and names in lines that fit`(size: ChartSize) throws {
        let long = "a method whose <name> says all that was done to it, and then some"
        let plot = DotPlot(
            rows: ["plain", long, "unmeasured"],
            series: [
                .init(name: "half", values: [1, 2, .nan]), .init(name: "tenth", values: [3, .nan, .nan]),
            ],
            xTitle: "points lost")
        let svg = plot.svg(size: size)
        try expectSound(svg, size)
        // Three figures, and two series in the legend.
        #expect(svg.ranges(of: "<circle").count == 5)
        #expect(svg.contains("a method whose &lt;name&gt;") && svg.contains("<title>plain: tenth 3</title>"))
        let names = svg.matches(of: /<text class="kk-tick"[^>]*text-anchor="end">([^<]*)</)
            .map { String($0.1).replacing("&lt;", with: "<").replacing("&gt;", with: ">") }
        #expect(names.joined(separator: " ") == "plain \(long) unmeasured")
        #expect(names.allSatisfy { LabelPlacement.width(of: $0, size: 12) < size.width * 0.4 })
        try expectSound(DotPlot(rows: [], series: [], xTitle: "x").svg(size: size), size)
    }

    @Test func `the page needs nothing from outside and escapes what it shows`() {
        let html = ReportSample.report.html()
        #expect(html.ranges(of: "<script").count == 1)
        #expect(!html.contains("alert(1)</script>"))
        #expect(html.contains("a &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot; question"))
        #expect(html.contains("nothing&#39;"))
        for outside in ["src=", "href=", "url(", "@import", "https://"] { #expect(!html.contains(outside)) }
        #expect(html.ranges(of: "<tr").count == ReportSample.plans.count + 1)
        #expect(html.contains("<tr class=\"chosen\">"))
        if let path = ProcessInfo.processInfo.environment["KUKLA_WRITE_REPORT"] {
            try? Data(html.utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    @Test func `sections without content are left out`() {
        let html = HTMLReport(title: "t", summary: "s", plans: []).html()
        #expect(!html.contains("<section>"))
    }

    @Test func `the terminal table is aligned and marks the chosen plan`() {
        let table = TextTable(plans: Array(ReportSample.plans[13...15]), uncompressedBytesPerVector: 1536)
        #expect(
            table.text() == """
                   plan       bytes/vector  Recall@10  95% interval  smaller     size  nDCG@10  queries/s
                -  ---------  ------------  ---------  ------------  -------  -------  -------  ---------
                   PCA48,SQ8            48      0.655   0.642–0.668      32x  3.02 MB               6,900
                *  PCA96,SQ4            48      0.821   0.812–0.831      32x  3.02 MB    0.641      5,100
                   RQ4                 196      0.962   0.957–0.967    7.84x  12.3 MB               2,400

                """)
    }

    @Test func `columns line up under wide, combining and control characters`() {
        let table = TextTable(
            columns: [.init("text"), .init("n", .right)],
            rows: [["日本語", "1"], ["e\u{301}", "22"], ["a\tb\u{1B}", "3"], ["short"]])
        let lines = table.text().split(separator: "\n").map(String.init)
        #expect(lines[2] == "日本語   1")
        #expect(lines[3] == "e\u{301}       22")
        #expect(lines[4] == "a b      3")
        #expect(lines[5] == "short")
    }

    @Test func `quantities read as people write them`() {
        #expect(Quantity.count(-1_234_567) == "-1,234,567")
        #expect(Quantity.bytes(999) == "999 B")
        #expect(Quantity.bytes(1000) == "1 kB")
        #expect(Quantity.bytes(999_999) == "1 MB")
        #expect(Quantity.bytes(1_536_000_000) == "1.54 GB")
        #expect(Quantity.bytesPerVector(48) == "48")
        #expect(Quantity.bytesPerVector(48.25) == "48.2")
        #expect(Quantity.bytesPerVector(1536) == "1,536")
        #expect(Quantity.rate(12.345) == "12.3")
        #expect(Quantity.rate(18_402.6) == "18,403")
    }
}
