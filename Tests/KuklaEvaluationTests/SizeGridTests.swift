import Foundation
import KuklaEvaluation
import KuklaFormats
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct SizeGridTests {
    private let grid = SizeGrid(
        metric: "spearman",
        depths: [
            .init(layers: 6, secondsPerText: 0.002, modelBytes: 90_000_000),
            .init(layers: 3, secondsPerText: 0.001, modelBytes: 69_000_000),
        ],
        dimensions: [16, 64, 384],
        quality: [[0.7, 0.8, 0.8], [0.71, 0.69, 0.75]])

    @Test func `the Pareto line is what no smaller size reaches`() {
        func front(_ grid: SizeGrid) -> [[Bool]] {
            (0..<2).map { row in (0..<3).map { grid.isOnFront(row, $0) } }
        }
        // 6x16 is beaten by 3x16, 6x384 has the quality of 6x64 only, 3x64 is worse than 3x16.
        #expect(front(grid) == [[false, true, false], [true, false, true]])
    }

    @Test func `the table shows every size, marks the line and tells time and bytes`() {
        let table = grid.table().text()
        #expect(table.contains("0.8000*") && table.contains("0.7100*") && !table.contains("0.7000*"))
        #expect(table.contains("384d") && table.contains("1,536") && table.contains("90 MB"))
    }

    @Test(arguments: [ChartSize.wide, ChartSize.narrow])
    func `the heat map is sound, and frames the line`(_ size: ChartSize) {
        let svg = grid.heatMap().svg(size: size)
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(svg.ranges(of: "style=\"fill:none;stroke:var(--kk-chosen)").count == 3)
        #expect(svg.contains("6 layers, 2 ms; 64d, 256 B: 0.80"))
        #expect(!svg.contains("nan"))
        for match in svg.matches(of: /<rect x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)"/) {
            let (x, width) = (Double(match.1) ?? .nan, Double(match.3) ?? .nan)
            #expect(x >= 0 && width > 0 && x + width <= size.width)
        }
    }

    @Test func `a map of equal or missing values is drawn`() {
        let map = HeatMap(
            rows: ["a"], columns: ["<1>", "2"], values: [[0.5, .nan]], isMarked: [[true, false]],
            description: "x")
        let svg = map.svg()
        let parser = XMLParser(data: Data(svg.utf8))
        #expect(parser.parse() && svg.contains("&lt;1&gt;") && svg.contains(">-</text>"))
    }

    @Test func `lines that differ by rounding only are drawn`() {
        let equal = SizeGrid(
            metric: "spearman", depths: Array(grid.depths.prefix(1)), dimensions: [4, 8],
            quality: [[0.9, 0.9.nextUp]])
        #expect(equal.lines().svg().contains("0.90"))
    }

    @Test func `the page stands alone`() {
        let html = grid.report(title: "T", summary: "S").html()
        #expect(html.ranges(of: "<svg").count == 4 && html.contains("Quality over bytes"))
    }
}
