import ArgumentParser
import Foundation
import KuklaNumerics
import KuklaServer

/// A model of clicks as an argument: `NAME=FOLDER`, or a folder that gives its own name.
struct ClickModelArgument: ExpressibleByArgument {
    private let name: String?
    private let folder: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        (name, folder) = parts.count == 2 ? (parts[0], parts[1]) : (nil, argument)
        guard !folder.isEmpty, name != "" else { return nil }
    }

    func open() throws(KuklaError) -> ServedClickModel {
        try ServedClickModel(folder: URL(fileURLWithPath: folder), name: name)
    }
}

extension TablesCommand {
    /// `kukla tables serve`: a scoring endpoint.
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "serve",
            abstract: "Score rows over HTTP with trained models.",
            discussion: """
                POST /rank takes rows as JSON objects by column names and answers with probabilities; GET /rank lists the models and \
                their columns; /openapi.json describes both. `kukla serve --click-model` does the same beside collections.

                Values that training never saw are no error. Columns that the schema joins from files are looked up where the files \
                are still there and a row does not have them. The server listens on this machine only, unless it has keys.

                Examples:
                  kukla tables serve model
                  curl localhost:8080/rank \\
                      -d '{"rows": [{"user": "u1", "film": "f2", "age": 30}, {"user": "u1", "film": "f3", "age": 30}]}'
                  kukla tables serve films=model shops=other --port 9000
                """)

        @Argument(help: "Model folders, or NAME=FOLDER; requests call a model by its name, or its folder's.")
        var models: [ClickModelArgument]

        @OptionGroup var listening: ListeningOptions
        @OptionGroup var compute: ComputeOptions

        func run() async throws {
            listening.prepareProcess()
            let served = try models.map { (model) throws(KuklaError) in try model.open() }
            let server = try APIServer(
                store: nil, model: nil, clickModels: served, keys: listening.keyRing(),
                configuration: listening.configuration(compute.threadCount()), version: kuklaVersion,
                logger: listening.makeLogger())
            try await listening.run(server, saying: served.map(\.name).joined(separator: ", "))
        }
    }
}
