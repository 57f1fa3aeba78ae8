import KuklaFormats
import KuklaNumerics

extension StudyTable {
    /// The figures of a column by row, NaN where a row has words.
    func values(_ column: String) -> [Double] {
        let place = columns.firstIndex(of: column)
        contract(
            place != nil, "StudyTable: no column \(column) among \(columns.joined(separator: ", "))")
        return rows.map { $0[place ?? 0].value }
    }

    /// What stands first in each row.
    var names: [String] { rows.map { $0[0].description } }

    /// A line of dots for each row, by the name that stands first: one dot a column.
    func dotPlot(_ columns: [(name: String, column: String)], xTitle: String) -> DotPlot {
        DotPlot(
            rows: names, series: columns.map { .init(name: $0.name, values: values($0.column)) },
            xTitle: xTitle)
    }

    /// A line for each of some columns over the figures of another.
    func lineChart(
        _ columns: [String], over x: String, xTitle: String, yTitle: String,
        xScale: AxisScale.Kind = .linear
    ) -> LineChart {
        let places = values(x)
        return LineChart(
            series: columns.map { column in
                .init(name: column, points: zip(places, values(column)).map { (x: $0, y: $1) })
            }, xTitle: xTitle, yTitle: yTitle, xScale: xScale, showsPoints: true)
    }
}
