import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaText

/// `kukla explain`: why two texts are alike.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say which named concepts make two texts alike.",
        discussion: """
            The model is one that `kukla train sesa` wrote. Prints what each concept adds to the cosine, largest first; these parts sum to \
            the cosine. A text that is the name of a file is read from it.

            Examples:
              kukla explain --model named "brakes squeal when wet" post.txt
              kukla explain --model named a.txt b.txt --top 5 --json
            """)

    @Argument(help: "A text, or a file that holds one.")
    var first: String

    @Argument(help: "Another text, or a file that holds one.")
    var second: String

    @Option(help: "The folder that `kukla train sesa` wrote.")
    var model: String

    @Option(help: "Concepts to print, the largest; the others are summed in one line.")
    var top: Int?

    @Option(help: "Keep a text's largest concepts only, this many, as `kukla embed` does.")
    var topConcepts: Int?

    @OptionGroup var reporting: OutputOptions

    private struct Part: Encodable {
        let concept: String
        /// The concept's value in each text.
        let first, second: Float
        let contribution: Double
    }

    private struct Report: Encodable {
        let schemaVersion = 1
        let cosine: Double
        let contributions: [Part]
        /// The sum of the contributions that are not listed.
        let others: Double
    }

    func validate() throws {
        guard [top, topConcepts].allSatisfy({ $0.map { $0 > 0 } ?? true }) else {
            throw ValidationError("--top and --top-concepts are 1 or more.")
        }
    }

    func run() throws {
        let url = URL(fileURLWithPath: model)
        guard ConceptFolder.isOne(url) else {
            throw KuklaError(
                .usage,
                "Cannot explain with \(url.path): its dimensions have no names. Name a folder that `kukla train sesa` wrote."
            )
        }
        let loaded = try ConceptModel(url, topConcepts: topConcepts)
        let texts = [try text(first), try text(second)]
        let found = try loaded.conceptVectors(texts)
        if found.truncatedCount > 0 {
            complain(
                "\(found.truncatedCount) of the texts are longer than the model's \(loaded.maximumLength) tokens and were cut."
            )
        }
        let (a, b) = (found.vectors[0], found.vectors[1])
        func value(_ vector: ConceptVector, _ concept: Int) -> Float {
            vector.concepts.firstIndex(of: Int32(concept)).map { vector.values[$0] } ?? 0
        }
        let all = a.contributions(to: b)
        let shown = all.prefix(top ?? all.count)
        let report = Report(
            cosine: all.reduce(0) { $0 + $1.value },
            contributions: shown.map {
                Part(
                    concept: loaded.concepts[$0.concept].name, first: value(a, $0.concept),
                    second: value(b, $0.concept), contribution: $0.value)
            }, others: all.dropFirst(shown.count).reduce(0) { $0 + $1.value })
        if reporting.json { return try printJSON(report) }
        var rows = report.contributions.map {
            [
                $0.concept, String(format: "%.3f", $0.first), String(format: "%.3f", $0.second),
                String(format: "%.4f", $0.contribution),
            ]
        }
        if shown.count < all.count {
            rows.append(["\(all.count - shown.count) others", "", "", String(format: "%.4f", report.others)])
        }
        rows.append(["cosine", "", "", String(format: "%.4f", report.cosine)])
        print(
            TextTable(
                columns: [
                    .init("concept"), .init("first", .right), .init("second", .right), .init("adds", .right),
                ], rows: rows
            ).text(), terminator: "")
    }

    /// The text itself, or what the file of that name holds.
    private func text(_ argument: String) throws(KuklaError) -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: argument, isDirectory: &isFolder), !isFolder.boolValue
        else { return argument }
        return try MappedFile(URL(fileURLWithPath: argument)).withBytes {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
