import Foundation
import KuklaFormats
import KuklaStudies
import KuklaTestSupport
import Testing

extension SharedData {
    /// Whether the data sets and the model are here; a study's test skips where they are not.
    static func hasStudies(_ sets: String...) -> Bool { model != nil && sets.allSatisfy { has($0) } }
}

extension StudyBench {
    /// A quick run on the shared data; ask `SharedData.hasStudies` first.
    static func quick() -> StudyBench {
        StudyBench(scale: .quick, data: SharedData.url("")!, model: SharedData.model!, threads: 2)
    }
}

extension Study {
    /// A quick run on the shared data, which must have something to look at.
    func quickReport() throws -> StudyReport {
        let report = try report(on: .quick())
        #expect(!report.findings.charts.isEmpty, "\(name) draws nothing")
        for chart in report.findings.charts {
            #expect(chart.chart.svg(size: .wide).contains("<circle"), "\(name)-\(chart.name) shows no figure")
        }
        return report
    }
}
