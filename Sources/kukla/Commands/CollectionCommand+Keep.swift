import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaStore

extension CollectionCommand {
    /// `kukla collection compact`
    struct Compact: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "compact", abstract: "Fold fresh items into the index and take deleted ones out.",
            discussion: """
                Examples:
                  kukla collection compact data notes
                  kukla collection compact data notes --rebuild
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Flag(help: "Make the index anew: train codecs and, where there is a budget, fit the plan again.")
        var rebuild = false

        @OptionGroup var reporting: OutputOptions

        func run() throws {
            try store.collection(name) { collection in
                let report = try collection.compact(rebuilding: rebuild, progress: reporting.progress)
                guard !reporting.quiet else { return }
                note(
                    "\(name): index of \(Quantity.count(report.count)) items\(report.configuration.map { " as \($0)" } ?? "")\(report.isRebuilt ? ", made anew" : "")"
                )
            }
        }
    }

    /// `kukla collection check`
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Check that what lies on the disk is what was written.",
            discussion: """
                Reads all of a collection's database and index. A damaged index is named and made again; a damaged database ends the command \
                with status 2: restore a snapshot.

                Example:
                  kukla collection check data notes
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @OptionGroup var reporting: OutputOptions

        func run() throws {
            try store.collection(name) { collection in
                let hadIndex = try collection.info().index != nil
                try collection.check()
                let isLost = try hadIndex && collection.info().index == nil
                if isLost { try collection.compact(progress: reporting.progress) }
                if !reporting.quiet { note("\(name): \(isLost ? "mended" : "sound")") }
            }
        }
    }

    /// `kukla collection snapshot`
    struct Snapshot: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "snapshot", abstract: "Copy a collection, as it is at one moment, to a new folder.",
            discussion: """
                Example:
                  kukla collection snapshot data notes -o notes-monday
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Option(name: .shortAndLong, help: "The folder to write.")
        var output: String

        func run() throws {
            try store.collection(name) { collection in
                try collection.snapshot(to: URL(fileURLWithPath: output))
            }
        }
    }

    /// `kukla collection restore`
    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Make a collection from a snapshot.",
            discussion: """
                Example:
                  kukla collection restore data notes notes-monday --replace
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The name of the collection.")
        var name: String

        @Argument(help: "The folder that `kukla collection snapshot` wrote.")
        var snapshot: String

        @Flag(help: "Replace a collection of that name.")
        var replace = false

        func run() throws {
            try store.open(creating: true) { store in
                let collection = try store.restore(
                    name, from: URL(fileURLWithPath: snapshot), replacing: replace)
                note("\(name): \(Quantity.count(try collection.count())) items")
            }
        }
    }

    /// `kukla collection alias`
    struct Alias: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "alias",
            abstract: "Let a second name stand for a collection, from one moment to the next.",
            discussion: """
                Examples:
                  kukla collection alias data current notes-2
                  kukla collection alias data current --remove
                """)

        @OptionGroup var store: StoreArguments

        @Argument(help: "The alias.")
        var alias: String

        @Argument(help: "The collection that it is to stand for.")
        var name: String?

        @Flag(help: "Remove the alias.")
        var remove = false

        func validate() throws {
            guard remove == (name == nil) else {
                throw ValidationError("Name a collection for the alias, or --remove it.")
            }
        }

        func run() throws { try store.open { store in try store.setAlias(alias, to: name) } }
    }
}
