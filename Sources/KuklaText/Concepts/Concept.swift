public import Foundation
import KuklaFormats
public import KuklaNumerics

/// A named dimension, and maybe a text that says what it means.
public struct Concept: Sendable, Hashable {
    public let name: String
    public let description: String?

    public init(_ name: String, description: String? = nil) {
        self.name = name
        self.description = description
    }

    /// What the concept is called and means, as one text.
    public var text: String { description.map { "\(name). \($0)" } ?? name }

    /// Reads a concept a line: its name, and behind a tab what it means. Plain or gzip.
    ///
    /// - Throws: `KuklaError` naming file and line: no name, more than two columns, a name that stands twice; fewer than two concepts.
    public static func readAll(_ url: URL) throws(KuklaError) -> [Concept] {
        let table = try DelimitedReader(ByteSource(url), dialect: .tsv)
        var all: [Concept] = []
        var seen = Set<String>()
        while try table.next() {
            let fields = try table.fields().map { $0.trimmingCharacters(in: .whitespaces) }
            guard (1...2).contains(fields.count), !fields[0].isEmpty else {
                throw table.failure("expected a concept's name, and maybe a tab and what it means")
            }
            guard seen.insert(fields[0]).inserted else {
                throw table.failure("the concept '\(fields[0])' stands twice")
            }
            let description = fields.count > 1 && !fields[1].isEmpty ? fields[1] : nil
            all.append(Concept(fields[0], description: description))
        }
        guard all.count > 1 else {
            throw KuklaError(
                .badData, "Cannot use \(url.path): expected two concepts or more, found \(all.count).")
        }
        return all
    }

    /// Writes what `readAll` reads.
    static func write(_ concepts: [Concept], to url: URL) throws(KuklaError) {
        func cell(_ text: String) -> String {
            text.map { $0 == "\t" || $0.isNewline ? " " : String($0) }.joined()
        }
        let lines = concepts.map { ([$0.name] + ($0.description.map { [$0] } ?? [])).map(cell) }
        try AtomicFile.write(
            lines.map { $0.joined(separator: "\t") + "\n" }.joined(), to: url)
    }
}
