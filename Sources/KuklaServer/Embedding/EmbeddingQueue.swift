import Foundation
import KuklaNumerics
import KuklaText

/// Texts of many requests that wait to be embedded, and the threads that embed them together.
///
/// A thread that is free takes what waits: with few requests texts go at once, with many they share a pass over the weights
/// (continuous batching). Long requests are taken in parts, in turn with the others.
public final class EmbeddingQueue: Sendable {
    /// How texts are embedded together.
    public struct Options: Sendable {
        /// Threads, each with a pass of its own.
        public var workers = defaultThreadCount
        /// Tokens of one pass, at least those of the longest text.
        public var maximumTokens = 8192
        /// Seconds that a thread waits for more texts when it has found fewer than fill a pass.
        public var maximumWait = 0.0
        /// Texts that may wait; further requests are refused.
        public var capacity = 4096

        public init() {}
    }

    /// One request's texts.
    private final class Job: @unchecked Sendable {  // all but the constants is touched under the line's lock
        let tokens: TokenBatch
        let layers: Int?
        let begun = ContinuousClock.now
        let deadline: ContinuousClock.Instant
        let output: UnsafeMutableBufferPointer<Float>
        /// The first text that nobody has taken.
        var next = 0
        /// Texts that are taken and not done.
        var running = 0
        var failure: (any Error)?
        var continuation: CheckedContinuation<Void, any Error>?

        init(_ tokens: TokenBatch, layers: Int?, columns: Int, deadline: ContinuousClock.Instant) {
            self.tokens = tokens
            self.layers = layers
            self.deadline = deadline
            output = .allocate(capacity: tokens.count * columns)
            output.initialize(repeating: 0)
        }

        deinit { output.deallocate() }
    }

    private struct Line {
        var jobs: [Job] = []
        var waitingTexts = 0
        var waitingTokens = 0
        var isClosed = false
    }

    /// Part of a job that one pass does.
    private struct Part {
        let job: Job
        let texts: Range<Int>
    }

    private let encoder: TextEncoder
    private let options: Options
    private let metrics: ServerMetrics
    private let line = Guarded(Line())
    private let workers: WorkerThreads

    init(_ encoder: TextEncoder, _ options: Options, metrics: ServerMetrics) {
        self.encoder = encoder
        self.options = options
        self.metrics = metrics
        workers = WorkerThreads("embed", count: options.workers)
        workers.start { [self] in work() }
    }

    /// Texts that wait.
    var waitingTexts: Int { line.withLock(\.waitingTexts) }
    var capacity: Int { options.capacity }

    /// The vectors of tokenised texts, `[texts, dimensions]`.
    ///
    /// - Parameter seconds: how long the texts may wait for their turn.
    /// - Throws: `APIFailure`: `overloaded` where the queue is full, `timeout`; `CancellationError` where `cancel` of the ticket was called;
    ///   `KuklaError` where the model is damaged.
    func embed(
        _ tokens: TokenBatch, layers: Int?, within seconds: Double, ticket: Ticket = Ticket()
    ) async throws -> Matrix {
        let columns = encoder.dimensions
        guard tokens.count > 0 else { return Matrix(rows: 0, columns: columns) }
        let job = Job(
            tokens, layers: layers, columns: columns, deadline: .now.advanced(by: .seconds(seconds)))
        ticket.onCancel { [weak self, weak job] in
            if let self, let job { fail(job, CancellationError()) }
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in enter(job, continuation) }
        } onCancel: {
            ticket.cancel()
        }
        return Matrix(rows: tokens.count, columns: columns) { out in
            _ = out.update(fromContentsOf: job.output)
        }
    }

    /// Refuses what comes, does what waits, and ends the threads.
    func close() {
        line.withLock { $0.isClosed = true }
        workers.end()
    }

    private func enter(_ job: Job, _ continuation: CheckedContinuation<Void, any Error>) {
        let refusal: APIFailure? = line.withLock { line in
            if line.isClosed { return APIFailure(.unavailable, "The server is ending.", retryAfter: 5) }
            // A request that is larger than the queue may come when nothing waits.
            if line.waitingTexts > 0, line.waitingTexts + job.tokens.count > options.capacity {
                return APIFailure(
                    .overloaded,
                    "\(line.waitingTexts) texts are waiting to be embedded, as many as this server lets: ask again later.",
                    code: "queue_full", retryAfter: 1 + line.waitingTexts / 2000)
            }
            if let failure = job.failure {
                continuation.resume(throwing: failure)
                return nil
            }
            job.continuation = continuation
            line.jobs.append(job)
            line.waitingTexts += job.tokens.count
            line.waitingTokens += job.tokens.ids.count
            return nil
        }
        if let refusal {
            metrics.registry.add(1, to: "kukla_embedding_refused_total")
            return continuation.resume(throwing: refusal)
        }
        workers.wakeOne()
    }

    // MARK: - Workers

    private func work() {
        while true {
            workers.await()
            if options.maximumWait > 0, waitingTexts < options.maximumTokens / 64 {
                Thread.sleep(forTimeInterval: options.maximumWait)
            }
            let (parts, isLeft, isClosed) = line.withLock { line in
                (take(&line), line.waitingTexts > 0, line.isClosed)
            }
            if parts.isEmpty {
                if isClosed { return }
                continue
            }
            // One signal comes with a request, which may be enough for several threads.
            if isLeft { workers.wakeOne() }
            compute(parts)
            if isClosed { workers.wakeOne() }
        }
    }

    /// What the next pass does: texts of the same layers, as many tokens as a worker's share of what waits.
    private func take(_ line: inout Line) -> [Part] {
        let share = max(256, line.waitingTokens / options.workers)
        let limit = min(options.maximumTokens, share)
        var parts: [Part] = []
        var tokens = 0
        var (kept, unfinished): ([Job], [Job]) = ([], [])
        for job in line.jobs {
            if job.failure == nil, ContinuousClock.now > job.deadline { expire(job) }
            guard job.failure == nil else {
                leave(job, texts: job.tokens.count - job.next, &line)
                continue
            }
            guard tokens < limit, parts.first.map({ $0.job.layers == job.layers }) ?? true else {
                kept.append(job)
                continue
            }
            let start = job.next
            while job.next < job.tokens.count {
                let count = job.tokens[job.next].count
                guard tokens == 0 || tokens + count <= limit else { break }
                tokens += count
                job.next += 1
            }
            if job.next > start {
                if start == 0 {
                    metrics.registry.observe(
                        job.begun.duration(to: .now) / .seconds(1), in: "kukla_embedding_wait_seconds")
                }
                job.running += job.next - start
                parts.append(Part(job: job, texts: start..<job.next))
                line.waitingTexts -= job.next - start
                line.waitingTokens -= job.tokens.offsets[job.next] - job.tokens.offsets[start]
            }
            // What is left of a long request lets others go first.
            if job.next < job.tokens.count { unfinished.append(job) }
        }
        line.jobs = kept + unfinished
        metrics.registry.set("kukla_embedding_queue_texts", to: Double(line.waitingTexts))
        return parts
    }

    /// Takes what is left of a job out of the line's counts.
    private func leave(_ job: Job, texts: Int, _ line: inout Line) {
        line.waitingTexts -= texts
        line.waitingTokens -= job.tokens.ids.count - job.tokens.offsets[job.next]
    }

    private func compute(_ parts: [Part]) {
        var (ids, offsets, prompts): ([Int32], [Int], [Int]) = ([], [0], [])
        let hasPrompts = parts.contains { !$0.job.tokens.promptLengths.isEmpty }
        for part in parts {
            let tokens = part.job.tokens
            for text in part.texts {
                ids.append(contentsOf: tokens[text])
                offsets.append(ids.count)
                if hasPrompts { prompts.append(tokens.promptLength(text)) }
            }
        }
        let start = ContinuousClock.now
        let columns = encoder.dimensions
        var failure: (any Error)?
        do throws(KuklaError) {
            let vectors = try encoder.encode(
                ids: ids, offsets: offsets, promptLengths: prompts, layers: parts[0].job.layers, threads: 1)
            vectors.withUnsafeBufferPointer { all in
                var row = 0
                for part in parts {
                    let size = part.texts.count * columns
                    // Each part has rows of its own.
                    let place = part.job.output.baseAddress! + part.texts.lowerBound * columns
                    place.update(from: all.baseAddress! + row * columns, count: size)
                    row += part.texts.count
                }
            }
        } catch { failure = error }
        let registry = metrics.registry
        registry.observe(start.duration(to: .now) / .seconds(1), in: "kukla_embedding_batch_seconds")
        registry.observe(Double(offsets.count - 1), in: "kukla_embedding_batch_texts")
        registry.observe(Double(ids.count), in: "kukla_embedding_batch_tokens")
        registry.add(Double(ids.count), to: "kukla_embedding_tokens_total")
        for part in parts { end(part, failure) }
    }

    private func end(_ part: Part, _ failure: (any Error)?) {
        let continuation = line.withLock { _ -> CheckedContinuation<Void, any Error>? in
            let job = part.job
            job.running -= part.texts.count
            if job.failure == nil { job.failure = failure }
            guard job.failure != nil || (job.next == job.tokens.count && job.running == 0) else { return nil }
            defer { job.continuation = nil }
            return job.continuation
        }
        guard let continuation else { return }
        if let failure { continuation.resume(throwing: failure) } else { continuation.resume() }
    }

    /// Gives a job up; what of it is being computed is thrown away. Called with the line's lock.
    private func expire(_ job: Job) {
        let failure = APIFailure(
            .timeout, "The texts waited longer for their turn than this server lets: ask again later.",
            code: "timeout")
        job.failure = failure
        job.continuation?.resume(throwing: failure)
        job.continuation = nil
    }

    private func fail(_ job: Job, _ failure: any Error) {
        let continuation = line.withLock { _ -> CheckedContinuation<Void, any Error>? in
            guard job.failure == nil else { return nil }
            job.failure = failure
            defer { job.continuation = nil }
            return job.continuation
        }
        continuation?.resume(throwing: failure)
    }
}

/// A way to say that nobody waits for a request's vectors any more.
final class Ticket: Sendable {
    private struct State {
        var isCancelled = false
        var body: (@Sendable () -> Void)?
    }

    private let state = Guarded(State())

    /// Calls `body` when the ticket is cancelled, at once where it is already.
    func onCancel(_ body: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            state.body = body
            return state.isCancelled
        }
        if isCancelled { body() }
    }

    func cancel() {
        let body = state.withLock { state in
            state.isCancelled = true
            return state.body
        }
        body?()
    }
}
