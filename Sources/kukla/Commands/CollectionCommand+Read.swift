import ArgumentParser
import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore

extension CollectionCommand {
    /// `kukla collection get`
    struct Get: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Print items by their ids, as JSON lines.",
            discussion: """
                Example:
                  kukla collection get data notes n17 n18 --vectors
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "Ids; a number also means the text of these digits.")
        var ids: [String]

        @Flag(help: "Print the vectors too.")
        var vectors = false

        func run() throws {
            try store.collection(name) { collection in
                var missing: [String] = []
                for id in ids {
                    let found = try collection.items(itemIDs(id), withVectors: vectors)
                    for item in found { try printLine(item) }
                    if found.isEmpty { missing.append(id) }
                }
                guard missing.isEmpty else {
                    throw KuklaError(
                        .badData,
                        "There is no item '\(missing.joined(separator: "', '"))' in the collection '\(name)'."
                    )
                }
            }
        }
    }

    /// `kukla collection scan`
    struct Scan: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "scan", abstract: "Print items, or those for which a filter holds, as JSON lines.",
            discussion: """
                Items come in the order in which they were written last, or of their ids (--by-id). What is printed can be imported.

                Examples:
                  kukla collection scan data notes --where '{"tags": {"$contains": "new"}}'
                  kukla collection scan data notes --all --vectors > items.jsonl
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Option(help: "How many, at most.")
        var count = 100

        @Flag(help: "All of them.")
        var all = false

        @Flag(help: "In the order of ids, numbers before texts.")
        var byID = false

        @Flag(help: "Print the vectors too.")
        var vectors = false

        @OptionGroup var condition: FilterOption

        func validate() throws {
            guard count >= 1 else { throw ValidationError("--count \(count): ask for at least 1.") }
        }

        func run() throws {
            let filter = try condition.filter()
            try store.collection(name) { collection in
                var position = byID ? ScanPosition.id(nil) : .operation(0)
                var left = all ? Int.max : count
                while left > 0 {
                    let page = try collection.scan(
                        after: position, count: min(left, 1000), where: filter, withVectors: vectors)
                    guard let last = page.last else { return }
                    for item in page { try printLine(item) }
                    position = byID ? .id(last.id) : .operation(last.sequence)
                    left -= page.count
                }
            }
        }
    }

    /// `kukla collection count`
    struct Count: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "count", abstract: "Print how many items there are, or for how many a filter holds.",
            discussion: """
                Example:
                  kukla collection count data notes --where '{"year": {"$gte": 2024}}'
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @OptionGroup var condition: FilterOption

        func run() throws {
            let filter = try condition.filter()
            try store.collection(name) { collection in print(try collection.count(where: filter)) }
        }
    }

    /// `kukla collection search`
    struct Search: ParsableCommand {
        /// By what items are found.
        enum Manner: String, CaseIterable, ExpressibleByArgument {
            case words, vector, both
        }

        static let configuration = CommandConfiguration(
            commandName: "search", abstract: "Search by text, by vectors, or by both.",
            discussion: """
                A text is searched by its words (BM25) and, where a model made the collection's vectors or --model names one, by its vector: the two \
                lists are fused by reciprocal rank.

                Examples:
                  kukla collection search data notes "the logo"
                  kukla collection search data notes "the logo" --by words \\
                      --where '{"lang": "en"}'
                  kukla collection search data notes --vectors q.npy -k 100 --json
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "The question.")
        var text: String?

        @Option(help: "Query vectors, in place of a question.")
        var vectors: String?

        @Option(help: "By what a question finds: words, vector or both.")
        var by: Manner?

        @Option(name: .short, help: "How many matches.")
        var k = 10

        @Option(help: "How hard a graph or lists look, in place of the index's own.")
        var effort: Int?

        @Option(help: "How many of the best by codes are compared by their vectors.")
        var candidates: Int?

        @Option(
            help:
                "The share of the best items to find, up to 1 (all vectors are compared): the effort that was measured to find it is taken."
        )
        var recall: Double?

        @Flag(
            help: "Say how the search went: what was looked through, how hard, and how long each part took.")
        var explain = false

        @OptionGroup var condition: FilterOption
        @OptionGroup var model: ModelOptions
        @OptionGroup var reporting: OutputOptions

        private struct Answer: Encodable {
            struct Hit: Encodable {
                let rank: Int
                let id: String
                let score: Float
                let distance: Float?
                let vectorRank: Int?
                let textRank: Int?
                let text: String?
                let metadata: [String: JSONValue]
            }

            let row: Int?
            let hits: [Hit]
            let explanation: SearchExplanation?
        }

        private struct Result: Encodable {
            let schemaVersion = 1
            let collection: String
            let searchSeconds: Double
            let answers: [Answer]
        }

        func validate() throws {
            guard (text == nil) != (vectors == nil) else {
                throw ValidationError("Give a question or --vectors FILE.")
            }
            guard by == nil || text != nil else { throw ValidationError("--by goes with a question.") }
            guard !explain || text != nil else { throw ValidationError("--explain goes with a question.") }
        }

        func run() throws {
            let filter = try condition.filter()
            try store.collection(name) { collection in
                var request = SearchRequest(count: k, filter: filter)
                request.effort = effort
                request.candidates = candidates
                request.recall = recall
                let found: [[SearchHit]]
                var explanation: SearchExplanation?
                let start: ContinuousClock.Instant
                if let text {
                    // Where a model made the vectors and none is named, it was the one that commands take by themselves.
                    let isWords = model.model ?? collection.settings.model == nil && collection.models.isEmpty
                    let manner = by ?? (isWords ? .words : .both)
                    if manner != .vector { request.text = text }
                    if manner != .words {
                        request.vector = try CollectionEmbedder(
                            of: collection, model, threads: store.compute.threadCount()
                        ).embed([text]).row(0)
                    }
                    start = .now
                    if explain {
                        let explained = try collection.explain(request)
                        found = [explained.hits]
                        explanation = explained.explanation
                    } else {
                        found = [try collection.search(request)]
                    }
                } else {
                    let queries = try VectorFile.readAll(URL(fileURLWithPath: vectors ?? ""))
                    start = .now
                    found = try collection.search(queries, request)
                }
                try show(found, explanation, seconds: (ContinuousClock.now - start) / .seconds(1))
            }
        }

        private func show(
            _ found: [[SearchHit]], _ explanation: SearchExplanation?, seconds: Double
        ) throws {
            let answers = found.enumerated().map { row, hits in
                Answer(
                    row: text == nil ? row : nil,
                    hits: hits.enumerated().map { place, hit in
                        .init(
                            rank: place + 1, id: hit.item.id.description, score: hit.score,
                            distance: hit.distance, vectorRank: hit.vectorRank, textRank: hit.textRank,
                            text: hit.item.text, metadata: hit.item.metadata)
                    }, explanation: explanation)
            }
            if reporting.json {
                return try printJSON(Result(collection: name, searchSeconds: seconds, answers: answers))
            }
            for answer in answers {
                if let row = answer.row { print("# query \(row)") }
                for hit in answer.hits {
                    let text = hit.text.map { "  " + $0.prefix(160).replacing("\n", with: " ") } ?? ""
                    print(String(format: "%3d  %.4f", hit.rank, hit.score) + "  \(hit.id)" + text)
                }
            }
            note("Searched \(name) in \(String(format: "%.1f ms", seconds * 1000))")
            if let explanation { note(explanation.sentences) }
        }
    }

    /// `kukla collection info`
    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "info", abstract: "Say what a store or one of its collections holds.",
            discussion: """
                Examples:
                  kukla collection info data
                  kukla collection info data notes --json
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection; all where left out.")
        var name: String?

        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let collections: [CollectionInfo]
            let aliases: [String: String]
        }

        func run() throws {
            try store.open { store in
                let names = name.map { [$0] } ?? store.names.map(\.description)
                let result = Result(
                    collections: try names.map { try store.collection($0).info() },
                    aliases: Dictionary(
                        uniqueKeysWithValues: try store.aliases().map {
                            ($0.key.description, $0.value.description)
                        }))
                if reporting.json { return try printJSON(result) }
                for collection in result.collections { show(collection) }
                for (alias, name) in result.aliases.sorted(by: { $0.key < $1.key }) {
                    print("\(alias) -> \(name)")
                }
            }
        }

        private func show(_ info: CollectionInfo) {
            let settings = info.settings
            print(
                "\(info.name): \(Quantity.count(info.count)) items of \(settings.dimensions) dimensions (\(settings.vectorFormat.rawValue)), metric \(settings.metric), database \(Quantity.bytes(info.databaseBytes))"
            )
            if !info.models.isEmpty {
                print("  vectors by \(info.models.map { "\($0.name) \($0.digest)" }.joined(separator: ", "))")
            }
            if let index = info.index {
                print(
                    "  index \(index.configuration): \(Quantity.count(index.count)) items, \(Quantity.count(index.deleted)) of them deleted, \(Quantity.bytesPerVector(index.bytesPerVector)) bytes a vector, file \(Quantity.bytes(index.fileBytes))"
                )
            }
            print(
                "  not in the index: \(Quantity.count(info.fresh)) in memory, \(Quantity.count(info.unheld)) in the database only"
            )
            if !info.indexedPaths.isEmpty {
                print("  indexed metadata: \(info.indexedPaths.joined(separator: ", "))")
            }
        }
    }
}

extension SearchExplanation {
    /// What a person reads.
    fileprivate var sentences: String {
        func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }
        var parts: [String] = []
        if let configuration {
            let compared = compared.map { ", \(Quantity.count($0)) codes compared" } ?? ""
            let effort = effort.map { ", effort \($0)" } ?? ""
            let vectors = vectors.map { "\($0) of " } ?? ""
            let candidates = candidates.map { ", \(vectors)\($0) candidates compared by their vectors" } ?? ""
            parts.append(
                "index \(configuration) of \(Quantity.count(indexed)) items\(effort)\(compared)\(candidates)")
        }
        parts.append("\(Quantity.count(fresh)) fresh and \(Quantity.count(unheld)) other items compared")
        if let selectivity { parts.append("the filter holds for \(Quantity.fraction(selectivity))") }
        if let expectedRecall { parts.append("expected recall \(Quantity.fraction(expectedRecall))") }
        let times: [(String, Double)] = [
            ("filter", seconds.filter), ("index", seconds.index), ("comparison", seconds.comparison),
            ("fresh", seconds.fresh), ("database", seconds.unheld), ("words", seconds.text),
            ("fetch", seconds.fetch),
        ]
        let spent = times.filter { $0.1 > 0 }.map { "\($0.0) \(milliseconds($0.1))" }
        return (parts + [spent.joined(separator: ", ")]).joined(separator: "; ")
    }
}
