import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables

extension TablesCommand {
    /// `kukla tables export`: the vectors of a field, for search.
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Write the vectors of a field's ids, so that they can be searched.",
            discussion: """
                Writes an npy (or fvecs, jsonl) of one vector for each id, the most frequent id first, and beside it a .jsonl of the \
                ids: `kukla index` takes both.

                Example:
                  kukla tables export model --field movie_id --vectors movies.npy
                  kukla index movies.npy --factory SQ8 --texts movies.jsonl -o movies.kukla
                """)

        @Argument(help: "The model folder.")
        var model: String

        @Option(help: "The categorical column.")
        var field: String

        @Option(help: "The file to write: .npy, .fvecs or .jsonl.")
        var vectors: String

        @Option(help: "Where the ids go; the same name with .jsonl where left out.")
        var ids: String?

        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let field: String
            let count: Int
            let dimensions: Int
            let vectors: String
            let ids: String
        }

        private struct Item: Encodable {
            let id: String
            let text: String
        }

        func run() throws {
            let folder = try ClickModelFolder(URL(fileURLWithPath: model))
            let target = URL(fileURLWithPath: vectors)
            let names =
                ids.map { URL(fileURLWithPath: $0) }
                ?? target.deletingPathExtension().appendingPathExtension("jsonl")
            guard names.standardizedFileURL != target.standardizedFileURL else {
                throw KuklaError(
                    .usage,
                    "Cannot write vectors and ids both to \(target.path): say with --ids where the ids go.")
            }
            let all = try folder.vectors(of: field)
            let writer = try VectorFile.create(target, dimensions: all.vectors.columns)
            try writer.append(all.vectors)
            try writer.commit()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let file = try AtomicFile(names)
            for value in all.values {
                try file.write(
                    String(decoding: try encoder.encode(Item(id: value, text: value)), as: UTF8.self) + "\n")
            }
            try file.commit()
            if reporting.json {
                return try printJSON(
                    Result(
                        field: field, count: all.vectors.rows, dimensions: all.vectors.columns,
                        vectors: vectors, ids: names.path))
            }
            note(
                "\(Quantity.count(all.vectors.rows)) vectors of \(all.vectors.columns) dimensions in \(vectors), their ids in \(names.lastPathComponent)"
            )
        }
    }
}
