import ArgumentParser
import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics

extension IndexCommand {
    /// What became of a collection that was changed.
    fileprivate struct Change: Encodable {
        let schemaVersion = 1
        let output: String
        let added: Int
        let removed: Int
        /// Ids that were not there to be removed.
        let missing: [String]
        let count: Int
        let seconds: Double

        func show(_ reporting: OutputOptions) throws {
            if reporting.json { return try printJSON(self) }
            guard !reporting.quiet else { return }
            note(
                "\(output): \(Quantity.count(added)) added, \(Quantity.count(removed)) removed, \(Quantity.count(count)) there now"
            )
            if !missing.isEmpty {
                let some = missing.prefix(5).joined(separator: ", ")
                note("Not there: \(some)\(missing.count > 5 ? " and \(missing.count - 5) more" : "")")
            }
        }
    }

    /// `kukla index add`: further vectors for a collection.
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Add vectors to a collection.",
            discussion: """
                Nothing is trained or encoded again, and a graph grows by the new vectors alone. The file is replaced when the new one is \
                whole: who has the old one open keeps it. A collection with ids and texts wants --texts for the new vectors too.

                Examples:
                  kukla index add notes.kukla more.npy --texts more.jsonl
                  kukla index add notes.kukla changed.npy --texts changed.jsonl \\
                      --duplicates replace
                  kukla index add vectors.kukla more.npy -o larger.kukla
                """)

        @Argument(help: "The collection file.")
        var collection: String

        @Argument(help: "The vectors: .npy, .fvecs, .bvecs, .jsonl or idx, each also as .gz.")
        var vectors: String

        @OptionGroup var items: ItemOptions

        @Option(name: .shortAndLong, help: "The file to write. Default: the collection itself.")
        var output: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        func run() throws {
            let start = ContinuousClock.now
            let file = try CollectionFile(URL(fileURLWithPath: collection))
            var reader = try ItemReader(URL(fileURLWithPath: vectors), items)
            let replaced = try file.rows(of: (reader.lastRows ?? [:]).keys.map { .text($0) })
            let target = output ?? collection
            let writer = try CollectionWriter(
                URL(fileURLWithPath: target), updating: file, removing: replaced,
                threads: compute.threadCount())
            let progress = reporting.progress
            progress.begin("Adding", total: nil, unit: "vectors")
            var number = try nextNumber(in: file)
            var added = 0
            while var chunk = try reader.next() {
                try check(chunk, for: file)
                if let first = number, chunk.ids == nil {
                    chunk.ids = (0..<UInt64(chunk.vectors.rows)).map { .number(first + $0) }
                    number = first + UInt64(chunk.vectors.rows)
                }
                try writer.append(chunk.vectors, ids: chunk.ids, texts: chunk.texts)
                added += chunk.vectors.rows
                progress.advance(by: chunk.rowsRead)
            }
            try writer.finish()
            progress.end()
            try Change(
                output: target, added: added, removed: replaced.count, missing: [],
                count: file.index.count - replaced.count + added,
                seconds: (ContinuousClock.now - start) / .seconds(1)
            ).show(reporting)
        }

        /// Numbers that name the new items, where those that are there have numbers.
        private func nextNumber(in file: CollectionFile) throws(KuklaError) -> UInt64? {
            guard file.hasNames else { return nil }
            var largest: UInt64?
            for row in file.rows {
                guard case .number(let number) = try file.id(of: row) else { return nil }
                largest = max(largest ?? 0, number)
            }
            return largest.map { $0 + 1 }
        }

        private func check(_ chunk: ItemReader.Chunk, for file: CollectionFile) throws(KuklaError) {
            guard chunk.vectors.columns == file.details.dimensions else {
                throw KuklaError(
                    .badData,
                    "Cannot add \(vectors) to \(collection): its vectors have \(chunk.vectors.columns) components, those of the collection \(file.details.dimensions). Make them with the same model."
                )
            }
            guard !file.rows.isEmpty else { return }
            guard file.hasTexts == (chunk.texts != nil) else {
                throw KuklaError(
                    .usage,
                    file.hasTexts
                        ? "The items of \(collection) have texts: give those of the new vectors with --texts."
                        : "The items of \(collection) have no texts: leave --texts out, or build the collection again with the texts of all."
                )
            }
            guard chunk.ids != nil || !file.hasNames || chunk.vectors.rows == 0 || numbersItems(file) else {
                throw KuklaError(
                    .usage,
                    "The items of \(collection) have ids: give texts with ids, or name their field with --id-column."
                )
            }
            guard chunk.ids == nil || file.hasNames else {
                throw KuklaError(
                    .usage,
                    "The items of \(collection) are named by their rows, and those of \(items.texts ?? "") by ids: build the collection again with ids for all."
                )
            }
        }

        private func numbersItems(_ file: CollectionFile) -> Bool {
            if case .number = try? file.id(of: 0) { true } else { false }
        }
    }

    /// `kukla index remove`: a collection without some of its items.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Remove items from a collection, by their ids.",
            discussion: """
                A graph is mended around what was removed. Items without ids are named by their rows, from 0, and keep those names. The \
                file is replaced when the new one is whole: who has the old one open keeps it. Ids that are not there are named.

                Examples:
                  kukla index remove notes.kukla --ids p7,p12
                  kukla index remove notes.kukla --ids-from old.txt -o smaller.kukla
                """)

        @Argument(help: "The collection file.")
        var collection: String

        @Option(help: "The ids, with commas between them.")
        var ids: String?

        @Option(help: "A file with an id a line.")
        var idsFrom: String?

        @Option(name: .shortAndLong, help: "The file to write. Default: the collection itself.")
        var output: String?

        @OptionGroup var compute: ComputeOptions
        @OptionGroup var reporting: OutputOptions

        func validate() throws {
            guard (ids == nil) != (idsFrom == nil) else {
                throw ValidationError("Say what to remove: --ids a,b,c or --ids-from FILE.")
            }
        }

        func run() throws {
            let start = ContinuousClock.now
            let file = try CollectionFile(URL(fileURLWithPath: collection))
            var wanted = ids?.split(separator: ",").map(String.init) ?? []
            if let idsFrom {
                let reader = try LineReader(ByteSource(URL(fileURLWithPath: idsFrom)))
                while let line = try reader.nextString() { wanted.append(line) }
            }
            wanted.removeAll(where: \.isEmpty)
            // A number names an item by its number, or by a text of these digits.
            let names = wanted.flatMap { name in
                [ItemID.text(name)] + (UInt64(name).map { [ItemID.number($0)] } ?? [])
            }
            let removed = try file.rows(of: names)
            let found = try Set(file.rows.filter(removed.contains).map { try file.id(of: $0).description })
            let target = output ?? collection
            if removed.count > 0 || output != nil {
                try CollectionWriter(
                    URL(fileURLWithPath: target), updating: file, removing: removed,
                    threads: compute.threadCount()
                ).finish()
            }
            try Change(
                output: target, added: 0, removed: removed.count,
                missing: wanted.filter { !found.contains($0) },
                count: file.index.count - removed.count, seconds: (ContinuousClock.now - start) / .seconds(1)
            ).show(reporting)
        }
    }
}
