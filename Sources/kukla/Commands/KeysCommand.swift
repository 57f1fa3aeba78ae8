public import ArgumentParser
import Foundation
import KuklaNumerics
public import KuklaServer

/// `kukla keys`: who may call a server.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list and remove the API keys of a server.",
        discussion: """
            A key is shown once; only its hash is kept. A running server sees changes within seconds. read embeds, searches and looks; write \
            changes items too; admin makes, drops and restores collections too.

            Examples:
              kukla keys add data --scope read --label "the web site"
              kukla keys add data --scope write --collection notes --days 30
              kukla keys remove data 3vQ2x-k
            """,
        subcommands: [Add.self, List.self, Remove.self])

    /// Where the keys of a store are when nobody says otherwise: beside it, as its folder holds nothing else.
    static func file(beside store: String) -> URL {
        let store = URL(fileURLWithPath: store).standardizedFileURL
        return store.deletingLastPathComponent().appending(path: store.lastPathComponent + ".keys.json")
    }

    /// Whose keys.
    struct Place: ParsableArguments {
        @Argument(help: "The folder of the store.")
        var store: String

        @Option(help: "The file of the keys; STORE.keys.json beside the store where left out.")
        var keys: String?

        func ring() throws(KuklaError) -> KeyRing {
            try KeyRing(keys.map { URL(fileURLWithPath: $0) } ?? KeysCommand.file(beside: store))
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Make a key and print it, once.",
            discussion: """
                Examples:
                  kukla keys add data --scope write --collection notes --label importer
                  kukla keys add data --days 30
                """)

        @OptionGroup var place: Place

        @Option(help: "What the key allows: read, write or admin.")
        var scope = APIKey.Scope.read

        @Option(help: "A collection that the key is for; may be given again. All where left out.")
        var collection: [String] = []

        @Option(help: "What the key is for, in words.")
        var label: String?

        @Option(help: "Days until it ends to be valid; never where left out.")
        var days: Double?

        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let id: String
            let key: String
        }

        func validate() throws {
            guard days.map({ $0 > 0 }) ?? true else { throw ValidationError("--days is above 0.") }
        }

        func run() throws {
            let now = Date()
            let (key, secret) = APIKey.make(
                scopes: [scope], collections: collection.isEmpty ? nil : collection, label: label,
                expires: days.map { now.addingTimeInterval($0 * 86_400) }, now: now)
            try place.ring().add(key)
            if reporting.json { return try printJSON(Result(id: key.id, key: secret)) }
            print(secret)
            note("Made the key \(key.id); it is not shown again.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the keys, without their secrets.",
            discussion: """
                Example:
                  kukla keys list data
                """)

        @OptionGroup var place: Place
        @OptionGroup var reporting: OutputOptions

        private struct Line: Encodable {
            let id: String
            let scopes: [String]
            let collections: [String]?
            let label: String?
            let created: String
            let expires: String?
        }

        func run() throws {
            let lines = try place.ring().keys.map { key in
                Line(
                    id: key.id, scopes: key.scopes.map(\.rawValue), collections: key.collections,
                    label: key.label,
                    created: key.created.formatted(.iso8601), expires: key.expires?.formatted(.iso8601))
            }
            if reporting.json { return try printJSON(lines) }
            for line in lines {
                let ends = line.expires.map { ", until \($0)" } ?? ""
                print(
                    "\(line.id)  \(line.scopes.joined(separator: ", ")) of \(line.collections?.joined(separator: ", ") ?? "all collections")\(ends)  \(line.label ?? "")"
                )
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a key.",
            discussion: """
                Example:
                  kukla keys remove data KEY-ID
                """)

        @OptionGroup var place: Place

        @Argument(help: "The id of the key, as `kukla keys list` shows it.")
        var id: String

        func run() throws {
            guard try place.ring().remove(id) else {
                throw KuklaError(.usage, "There is no key '\(id)'; `kukla keys list` shows the keys.")
            }
        }
    }
}

extension APIKey.Scope: ExpressibleByArgument {}
