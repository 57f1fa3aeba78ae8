import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaStudies
import Testing

@Suite("StudyReport")
struct StudyReportTests {
    /// A study of nothing, for what reports do with findings.
    private struct Sample: Study {
        var name = "sample"
        let title = "A sample"
        let paper = "Nobody 2026"
        let claim = "One is less than two."
        var data: [String] = []
        func run(on bench: StudyBench) throws(KuklaError) -> StudyFindings {
            var findings = StudyFindings()
            findings.bars = [
                StudyBar("1. one", 1, .atMost, 2), StudyBar("2. three", 3, .atMost, 2, note: "seeds 2 to 4"),
                StudyBar("3. too small here", 1, .atLeast, 2, notReproduced: "Needs a million."),
                StudyBar("4. undefined", .nan, .atLeast, 0),
            ]
            findings.tables = [
                StudyTable(
                    "Figures", columns: ["a|b", "n"],
                    rows: [["x|y", .number(.nan, decimals: 1)], ["z", .count(7)]])
            ]
            findings.charts = [
                StudyChart(
                    "line", title: "A line",
                    chart: LineChart(
                        series: [.init(name: "l", points: [(1, 2), (2, 3)])], xTitle: "x", yTitle: "y"))
            ]
            findings.notes = ["A note."]
            return findings
        }
    }

    private func bench(_ folder: URL) -> StudyBench { StudyBench(scale: .quick, data: folder, model: folder) }

    @Test("outcomes follow from the figures: a figure that is not a number meets nothing")
    func outcomes() throws {
        let report = try Sample().report(on: bench(FileManager.default.temporaryDirectory))
        #expect(report.findings.bars.map(\.outcome) == [.met, .missed, .notReproduced, .missed])
        #expect(report.findings.bars[2].note == "Needs a million.")
        #expect(report.summary.hasPrefix("1 met, 2 missed, 1 not reproduced of 4 bars"))
    }

    @Test("the folder holds page, figures and charts; the JSON has every bar, and NaN as null in tables")
    func written() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-study-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try Sample().report(on: bench(folder.deletingLastPathComponent())).write(to: folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["sample-line.svg", "sample.json", "sample.md", "studies.md"])
        let page = try String(contentsOf: folder.appending(path: "sample.md"), encoding: .utf8)
        #expect(page.contains("| 2. three | 3 | at most 2 | missed | seeds 2 to 4 |"))
        #expect(page.contains("| x\\|y | - |"))
        #expect(page.contains("![A line](sample-line.svg)"))
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: "sample.json")))
                as? [String: Any])
        #expect((json["bars"] as? [Any])?.count == 4)
        let table = try #require((json["tables"] as? [[String: Any]])?.first)
        #expect((table["rows"] as? [[Any]])?[0][1] is NSNull)
    }

    @Test("the list names every study whose report lies in the folder, and no other file")
    func overview() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-study-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["sample", "another"] {
            try Sample(name: name).report(on: bench(folder.deletingLastPathComponent())).write(to: folder)
            try Data(#"{"study": 1}"#.utf8).write(to: folder.appending(path: "no-report.json"))
        }
        let rows = try String(contentsOf: folder.appending(path: "studies.md"), encoding: .utf8)
            .split(separator: "\n").filter { $0.hasPrefix("| [") }
        #expect(
            rows == [
                "| [another](another.md) |  | Nobody 2026 | 1 | 2 | 1 | 1 | 0 | \(defaultThreadCount) |",
                "| [sample](sample.md) |  | Nobody 2026 | 1 | 2 | 1 | 1 | 0 | \(defaultThreadCount) |",
            ])
    }

    @Test("a full run with other seeds than usual says so")
    func seeds() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-study-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (seeds, words) in [(nil, "--full`"), (3, "--full`"), (2, "--full --seeds 2`")] {
            let bench = StudyBench(scale: .full, data: folder, model: folder, seeds: seeds)
            #expect(bench.seeds.count == seeds ?? 3)
            try Sample().report(on: bench).write(to: folder)
            let page = try String(contentsOf: folder.appending(path: "sample.md"), encoding: .utf8)
            #expect(page.contains(words))
        }
    }

    @Test("a set that is not there is named before anything is measured")
    func missingSet() throws {
        let error = #expect(throws: KuklaError.self) {
            _ = try Sample(data: ["no-such-set"]).report(on: bench(FileManager.default.temporaryDirectory))
        }
        #expect(error?.code == .missingFile)
        #expect(error?.message.contains("no-such-set") == true)
    }

    @Test("every study has a name of its own, a paper and a claim")
    func catalogue() {
        #expect(Set(StudyCatalogue.all.map(\.name)).count == StudyCatalogue.all.count)
        for study in StudyCatalogue.all {
            #expect(StudyCatalogue.named(study.name)?.title == study.title)
            #expect(!study.paper.isEmpty && !study.claim.isEmpty && !study.data.isEmpty)
        }
    }
}
