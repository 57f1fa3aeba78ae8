import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaStudies

/// `kukla study`: a paper's claim, put to the test here.
struct StudyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "study",
        abstract: "Put a paper's claim to the test on real data.",
        discussion: """
            Without a name, lists the studies. A quick run takes seconds and shows that all still works; the figures that count are \
            those of --full, which takes from 4 to 40 minutes on two cores. With -o the page, its charts and the figures as JSON are written into a \
            folder, and a list of all studies that lie there (studies.md). A missed bar is a finding, not a failure: the exit status is 0.

            Examples:
              kukla study
              kukla study hnsw-recall --data ~/data
              kukla study hnsw-recall --data ~/data --full -o docs/studies
              kukla study bebr --data ~/data --texts my-documents.jsonl --full
            """)

    @Argument(help: "The study.")
    var name: String?

    @Option(help: "The folder of the data sets, each in a folder of its own. Default: KUKLA_DATA.")
    var data: String?

    @Option(
        help:
            "Texts of your own (JSON lines, TSV, plain lines; also .gz): a further corpus for studies that compare several."
    )
    var texts: String?

    @Flag(exclusivity: .exclusive)
    var scale = Scale.quick

    @Option(help: "How many seeds figures are the means of. Default: 3 with --full, else 1.")
    var seeds: Int?

    @Option(name: .shortAndLong, help: "Where to write NAME.md, NAME.json and charts.")
    var output: String?

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var reporting: OutputOptions

    enum Scale: EnumerableFlag {
        case quick, full

        static func help(for value: Scale) -> ArgumentHelp? {
            value == .quick ? "Seconds, on samples." : "All data and seeds: the figures that count."
        }
    }

    private struct Entry: Encodable {
        let name: String
        let title: String
        let paper: String
        let data: [String]
    }

    func validate() throws {
        guard seeds.map({ (1...100).contains($0) }) ?? true else {
            throw ValidationError("Give --seeds from 1 to 100.")
        }
    }

    func run() throws {
        guard let name else { return try list() }
        guard let study = StudyCatalogue.named(name) else {
            let known = StudyCatalogue.all.map(\.name)
            throw KuklaError(
                .usage, "There is no study '\(name)': expected one of \(known.joined(separator: ", ")).")
        }
        let report = try study.report(
            on: StudyBench(
                scale: scale == .full ? .full : .quick, data: dataFolder(), model: model.folder(),
                texts: texts.map { URL(fileURLWithPath: $0) },
                cache: CacheFolder.url.appending(path: "studies"), seeds: seeds,
                threads: compute.threadCount(),
                progress: reporting.progress))
        if let output { try report.write(to: URL(fileURLWithPath: output)) }
        if reporting.json {
            print(String(decoding: try report.json(), as: UTF8.self))
        } else {
            print(report.text(), terminator: "")
        }
    }

    private func list() throws {
        let all = StudyCatalogue.all.map {
            Entry(name: $0.name, title: $0.title, paper: $0.paper, data: $0.data)
        }
        if reporting.json { return try printJSON(all) }
        print(
            TextTable(
                columns: [.init("study"), .init("what it asks"), .init("paper")],
                rows: all.map { [$0.name, $0.title, $0.paper] }
            ).text(), terminator: "")
    }

    private func dataFolder() throws(KuklaError) -> URL {
        guard let path = data ?? ProcessInfo.processInfo.environment["KUKLA_DATA"], !path.isEmpty else {
            throw KuklaError(
                .usage, "No data sets are named: give their folder with --data DIR, or set KUKLA_DATA.")
        }
        return URL(fileURLWithPath: path)
    }
}
