public import Foundation
import KuklaFormats
import KuklaNumerics

/// A study's findings, with when and on what they were measured.
public struct StudyReport: Sendable {
    public let name: String
    public let title: String
    public let paper: String
    public let claim: String
    public let scale: StudyBench.Scale
    public let seeds: [UInt64]
    /// The name of the file with further texts that were asked of, where there was one.
    public let texts: String?
    public let threads: Int
    public let seconds: Double
    public let findings: StudyFindings

    init(study: some Study, findings: StudyFindings, bench: StudyBench, seconds: Double) {
        (name, title, paper, claim) = (study.name, study.title, study.paper, study.claim)
        (scale, seeds, threads) = (bench.scale, bench.seeds, bench.threads)
        texts = bench.texts?.lastPathComponent
        (self.findings, self.seconds) = (findings, seconds)
    }

    /// The bars of an outcome.
    public func count(_ outcome: StudyBar.Outcome) -> Int {
        findings.bars.count { $0.outcome == outcome }
    }

    /// One line: how many bars are met.
    public var summary: String {
        let all: [StudyBar.Outcome] = [.met, .missed, .notReproduced]
        return all.filter { count($0) > 0 }.map { "\(count($0)) \($0.rawValue)" }.joined(
            separator: ", ")
            + " of \(findings.bars.count) bars, \(String(format: "%.0f", seconds)) s on \(threads) thread\(threads == 1 ? "" : "s")"
    }
}

extension StudyReport {
    private struct Contents: Encodable {
        let schemaVersion = 1
        let study: String
        let paper: String
        let claim: String
        let scale: StudyBench.Scale
        let seeds: [UInt64]
        let texts: String?
        let threads: Int
        let seconds: Double
        let bars: [StudyBar]
        let tables: [StudyTable]
        let notes: [String]
    }

    /// All figures as JSON with snake_case keys.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try encoder.encode(
            Contents(
                study: name, paper: paper, claim: claim, scale: scale, seeds: seeds, texts: texts,
                threads: threads,
                seconds: (seconds * 10).rounded() / 10, bars: findings.bars, tables: findings.tables,
                notes: findings.notes))
    }

    /// Writes `NAME.json`, the page `NAME.md` and its charts `NAME-*.svg` into `folder`, and `studies.md`, the list of all that lie there.
    public func write(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for chart in findings.charts {
            try AtomicFile.write(
                chart.chart.svg(size: .wide), to: folder.appending(path: "\(name)-\(chart.name).svg"))
        }
        try AtomicFile.write(json(), to: folder.appending(path: "\(name).json"))
        try AtomicFile.write(page(), to: folder.appending(path: "\(name).md"))
        try AtomicFile.write(
            StudyOverview(of: folder).page(), to: folder.appending(path: StudyOverview.fileName))
    }
}
