import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore

/// Searches by vector of many requests that wait for a thread: those that differ in their vectors only are done together, in one pass over the
/// codes.
///
/// A thread that is free takes what waits: with few requests a search goes at once, and has all threads where it is alone.
final class SearchQueue: Sendable {
    /// What searches must have in common to be done together.
    private struct Kind: Hashable {
        let collection: ObjectIdentifier
        let count: Int
        let effort: Int?
        let candidates: Int?
        let recall: Double?
        let withVectors: Bool
    }

    private struct Job: Sendable {
        let kind: Kind
        let collection: StoredCollection
        let request: SearchRequest
        let continuation: CheckedContinuation<[SearchHit], any Error>
    }

    private struct Line {
        var jobs: [Job] = []
        /// Threads that are searching.
        var working = 0
        var isClosed = false
    }

    /// Searches that are done together, at most: codes of a tile stay in the cache for so many.
    private static let batchCount = 32

    private let threads: Int
    private let capacity: Int
    private let line = Guarded(Line())
    private let workers: WorkerThreads

    /// - Parameters:
    ///   - threads: how many search at a time.
    ///   - capacity: searches that may wait; further ones are refused.
    init(threads: Int, capacity: Int) {
        self.threads = threads
        self.capacity = capacity
        workers = WorkerThreads("search", count: threads)
        workers.start { [self] in work() }
    }

    /// Whether a search can be done together with others: by its vector alone, and none that compares all vectors anyway.
    static func takes(_ request: SearchRequest) -> Bool {
        request.vector != nil && request.text == nil && request.filter == nil && request.recall ?? 0 < 1
    }

    /// What the search finds.
    ///
    /// - Throws: `APIFailure.overloaded` where too many wait; `KuklaError` as `StoredCollection.search`.
    func search(_ collection: StoredCollection, _ request: SearchRequest) async throws -> [SearchHit] {
        let kind = Kind(
            collection: ObjectIdentifier(collection), count: request.count, effort: request.effort,
            candidates: request.candidates, recall: request.recall, withVectors: request.withVectors)
        return try await withCheckedThrowingContinuation { continuation in
            let job = Job(
                kind: kind, collection: collection, request: request, continuation: continuation)
            let refusal: APIFailure? = line.withLock { line in
                if line.isClosed { return APIFailure(.unavailable, "The server is ending.", retryAfter: 5) }
                guard line.jobs.count < capacity else {
                    return APIFailure(
                        .overloaded,
                        "\(line.jobs.count) searches are waiting, as many as this server lets: ask again later.",
                        code: "queue_full", retryAfter: 1)
                }
                line.jobs.append(job)
                return nil
            }
            if let refusal { return continuation.resume(throwing: refusal) }
            workers.wakeOne()
        }
    }

    /// Refuses what comes, does what waits, and ends the threads.
    func close() {
        line.withLock { $0.isClosed = true }
        workers.end()
    }

    private func work() {
        while true {
            workers.await()
            let (jobs, share, isClosed) = line.withLock { line in
                let jobs = Self.take(&line.jobs, threads: threads)
                if !jobs.isEmpty { line.working += 1 }
                return (jobs, line.jobs.isEmpty ? threads / max(1, line.working) : 1, line.isClosed)
            }
            // Another thread took with its own what this signal stands for.
            if jobs.isEmpty {
                if isClosed { return }
                continue
            }
            answer(jobs, threads: max(1, share))
            line.withLock { $0.working -= 1 }
            if isClosed { workers.wakeOne() }
        }
    }

    /// The oldest search and those that go with it: of what waits, this thread's share.
    private static func take(_ jobs: inout [Job], threads: Int) -> [Job] {
        guard let kind = jobs.first?.kind else { return [] }
        let most = min(batchCount, (jobs.count + threads - 1) / threads)
        var (taken, left): ([Job], [Job]) = ([], [])
        for job in jobs {
            if job.kind == kind, taken.count < most { taken.append(job) } else { left.append(job) }
        }
        jobs = left
        return taken
    }

    private func answer(_ jobs: [Job], threads: Int) {
        let collection = jobs[0].collection
        guard jobs.count > 1 else { return answer(jobs[0], threads: threads) }
        var request = jobs[0].request
        request.vector = nil
        request.threads = threads
        let d = collection.settings.dimensions
        let queries = Matrix(
            rows: jobs.count, columns: d, elements: jobs.flatMap { $0.request.vector ?? [] })
        do throws(KuklaError) {
            let found = try collection.search(queries, request)
            for (job, hits) in zip(jobs, found) { job.continuation.resume(returning: hits) }
        } catch {
            // One that cannot be compared is nobody else's fault.
            for job in jobs { answer(job, threads: threads) }
        }
    }

    private func answer(_ job: Job, threads: Int) {
        var request = job.request
        request.threads = threads
        do throws(KuklaError) {
            job.continuation.resume(returning: try job.collection.search(request))
        } catch { job.continuation.resume(throwing: error) }
    }
}
