import ArgumentParser
import Foundation
import KuklaFormats
import KuklaHub
import KuklaNumerics

/// `kukla model`: the models that this machine has.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Fetch models.", subcommands: [Get.self])

    /// `kukla model get`: a model folder from the Hugging Face hub.
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Fetch a model folder from the Hugging Face hub into the cache.",
            discussion: """
                Only the files that are needed, resumed where a fetch was cut, checked against their checksums. HF_ENDPOINT \
                names another hub, HF_TOKEN the token for private models, KUKLA_CACHE the cache folder.

                Examples:
                  kukla model get sentence-transformers/all-MiniLM-L6-v2
                  kukla embed notes.jsonl --model sentence-transformers/all-MiniLM-L6-v2 \\
                      -o vectors.npy
                """)

        @Argument(help: "The model: ORG/NAME.")
        var name: String

        @Option(help: "A branch, tag or commit.")
        var revision = "main"

        @OptionGroup var reporting: OutputOptions

        private struct Result: Encodable {
            let schemaVersion = 1
            let model: String
            let folder: String
            let commit: String
            let files: Int
            let bytes: Int
            let wasCached: Bool
        }

        func run() async throws {
            let environment = ProcessInfo.processInfo.environment
            let hub = try ModelHub(
                cache: CacheFolder.url, endpoint: environment["HF_ENDPOINT"] ?? ModelHub.defaultEndpoint,
                token: environment["HF_TOKEN"])
            let model = try await hub.get(
                ModelIdentifier(name), revision: revision, progress: reporting.progress)
            let result = Result(
                model: name, folder: model.folder.path, commit: model.commit, files: model.fileCount,
                bytes: model.totalBytes, wasCached: model.wasCached)
            if reporting.json { return try printJSON(result) }
            print(result.folder)
            note(
                "\(name): \(result.files) files, \(Quantity.bytes(result.bytes))\(result.wasCached ? ", there already and intact" : "")"
            )
        }
    }
}
