import Dispatch
import KuklaFormats
import KuklaNumerics
import KuklaStore
import KuklaText
import Logging

/// Re-encodings that the server does in the background with its model, and what became of them.
final class ReencodingJobs: Sendable {
    /// How one stands.
    enum Outcome: Sendable {
        case running
        case finished(ReencodingReport)
        case failed(String)
    }

    struct Job: Sendable {
        let model: ModelIdentity
        let progress: WorkProgress
        var outcome = Outcome.running
    }

    private let store: Store
    private let served: ServedModel?
    private let threads: Int
    private let logger: Logger
    private let jobs = Guarded([CollectionName: Job]())
    private let isStopped = Guarded(false)
    private let queue = DispatchQueue(
        label: "kukla.server.reencoding", qos: .utility, attributes: .concurrent)
    private let running = DispatchGroup()

    init(_ store: Store, _ served: ServedModel?, _ configuration: ServerConfiguration, _ logger: Logger) {
        self.store = store
        self.served = served
        // Requests go first.
        threads = max(1, configuration.threads / 2)
        self.logger = logger
    }

    /// How the re-encoding of a collection stands; nil where this server began none.
    func job(_ name: CollectionName) -> Job? { jobs.withLock { $0[name] } }

    /// What embeds texts at a size.
    func request(_ served: ServedModel, _ size: ModelSize) -> Reencoding {
        let (model, threads) = (served.model, threads)
        let isCut = size.dimensions < served.dimensions
        return Reencoding(
            model: served.identity, modelName: served.name, dimensions: size.dimensions
        ) { texts throws(KuklaError) in
            try model.embed(texts, dimensions: isCut ? size.dimensions : nil, threads: threads).vectors
        }
    }

    /// Begins, or goes on with, the re-encoding of a collection.
    ///
    /// - Throws: `APIFailure`: `conflict` where one is going on; `invalidRequest` where items have no text or the plan does not fit.
    func start(_ name: CollectionName, _ request: Reencoding) throws {
        let progress = WorkProgress()
        let isBusy = jobs.withLock { jobs in
            if case .running = jobs[name]?.outcome { return true }
            jobs[name] = Job(model: request.model, progress: progress)
            return false
        }
        guard !isBusy else {
            throw APIFailure(
                .conflict, "The collection '\(name)' is being re-encoded already.",
                code: "reencoding_running", parameter: "name")
        }
        do throws(KuklaError) { try store.check(request, of: name.description) } catch {
            jobs.withLock { $0[name] = nil }
            throw error.code == .usage
                ? APIFailure(
                    .invalidRequest, error.message, code: "cannot_reencode", parameter: "name") : error
        }
        queue.async(group: running) { [self] in run(name, request, progress) }
    }

    /// Throws where the collection is being re-encoded: it is not to go meanwhile.
    func refuseWhileRunning(_ name: CollectionName) throws(APIFailure) {
        guard case .running = job(name)?.outcome else { return }
        throw APIFailure(
            .conflict,
            "The collection '\(name)' is being re-encoded: wait until that is done, or give it up (DELETE /collections/\(name)/reencode).",
            code: "reencoding_running", parameter: "name")
    }

    private func run(_ name: CollectionName, _ request: Reencoding, _ progress: WorkProgress) {
        do throws(KuklaError) {
            let report = try store.reencode(
                name.description, with: request, progress: progress,
                isStopped: { self.isStopped.withLock { $0 } })
            logger.info("The collection '\(name)' was re-encoded: \(report.count) items.")
            end(name, .finished(report))
        } catch {
            if error.code != .cancelled {
                logger.error("The collection '\(name)' could not be re-encoded: \(error)")
            }
            end(name, .failed(APIFailure(error, dataIsRequest: true).message))
        }
    }

    private func end(_ name: CollectionName, _ outcome: Outcome) {
        jobs.withLock { $0[name]?.outcome = outcome }
    }

    /// Goes on with what an earlier server began for the model that is served; what was begun for another one is told.
    func goOn() {
        for name in store.unfinishedReencodings {
            do {
                guard let begun = try store.unfinishedReencoding(of: name.description) else { continue }
                guard let served, served.identity.digest == begun.model.digest else {
                    logger.warning(
                        "A re-encoding of the collection '\(name)' for the model \(begun.model.short) was begun and is not done: serve that model, or give it up (DELETE /collections/\(name)/reencode)."
                    )
                    continue
                }
                var request = request(
                    served,
                    ModelSize(layers: served.model.encoder.layerCount, dimensions: begun.settings.dimensions))
                request.metric = begun.settings.metric
                request.plan = begun.settings.plan
                try start(name, request)
            } catch { logger.error("The re-encoding of '\(name)' could not be gone on with: \(error)") }
        }
    }

    /// Stops one, and throws away what was done of it; says whether there was any.
    func giveUp(_ name: CollectionName) throws(KuklaError) -> Bool {
        let isThere = try store.giveUpReencoding(of: name.description)
        let wasKnown = jobs.withLock { jobs in
            defer { jobs[name] = nil }
            return jobs[name] != nil
        }
        return isThere || wasKnown
    }

    /// Stops all, and waits for them; what they did is kept.
    func stop() {
        isStopped.withLock { $0 = true }
        running.wait()
    }
}
