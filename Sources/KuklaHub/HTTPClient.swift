import Foundation
import KuklaNumerics

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Takes an answer as it arrives. Calls come one after another, never two at once.
protocol ResponseSink: AnyObject, Sendable {
    /// The head of the answer; its body follows.
    func begin(_ response: HTTPURLResponse) throws(KuklaError)
    /// The next piece of the body.
    func receive(_ data: Data) throws(KuklaError)
}

/// Sends one request and streams the answer to a sink; follows no redirect by itself.
///
/// Built on URLSession's data delegate: the body is handed on piece by piece and never gathered. Redirects
/// are left to the caller because URLSession would carry the `Authorization` header to another host.
final class HTTPClient: NSObject, URLSessionDataDelegate, @unchecked Sendable {  // state guarded by `lock`
    enum Outcome: Sendable {
        /// The whole answer arrived, as far as HTTP can tell.
        case complete(HTTPURLResponse)
        /// The connection could not be made, or broke; `response` where its head had arrived.
        case cut(HTTPURLResponse?, reason: String)
        /// The sink refused the answer.
        case refused(KuklaError)
        case cancelled
    }

    private struct Exchange {
        let sink: any ResponseSink
        let finish: CheckedContinuation<Outcome, Never>
        var response: HTTPURLResponse?
        var refusal: KuklaError?
    }

    private let lock = NSLock()
    private var exchanges: [Int: Exchange] = [:]
    private var session: URLSession?

    /// - Parameter idleTimeout: seconds without a byte after which a connection counts as cut.
    init(idleTimeout: Double) {
        super.init()
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = idleTimeout
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    }

    /// Ends all connections; must be called once, since the session keeps its delegate alive until then.
    func close() { session?.invalidateAndCancel() }

    func send(_ request: URLRequest, to sink: any ResponseSink) async -> Outcome {
        guard let task = session?.dataTask(with: request) else { return .cancelled }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                lock.withLock { exchanges[task.taskIdentifier] = Exchange(sink: sink, finish: continuation) }
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
    }

    // MARK: - URLSessionDataDelegate

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
        begin(task, response)
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse { begin(dataTask, response) }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        attempt(dataTask) { (sink) throws(KuklaError) in try sink.receive(data) }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let exchange = lock.withLock({ exchanges.removeValue(forKey: task.taskIdentifier) }) else {
            return
        }
        let outcome: Outcome
        if let refusal = exchange.refusal {
            outcome = .refused(refusal)
        } else if let error {
            let isCancelled = (error as? URLError)?.code == .cancelled
            outcome = isCancelled ? .cancelled : .cut(exchange.response, reason: Self.reason(error))
        } else if let response = exchange.response ?? task.response as? HTTPURLResponse {
            outcome = .complete(response)
        } else {
            outcome = .cut(nil, reason: "no answer")
        }
        exchange.finish.resume(returning: outcome)
    }

    // MARK: - Steps

    private func begin(_ task: URLSessionTask, _ response: HTTPURLResponse) {
        let isFirst = lock.withLock { () -> Bool in
            defer { exchanges[task.taskIdentifier]?.response = response }
            return exchanges[task.taskIdentifier]?.response == nil
        }
        if isFirst { attempt(task) { (sink) throws(KuklaError) in try sink.begin(response) } }
    }

    private func attempt(_ task: URLSessionTask, _ step: (any ResponseSink) throws(KuklaError) -> Void) {
        guard let exchange = lock.withLock({ exchanges[task.taskIdentifier] }), exchange.refusal == nil else {
            return
        }
        do throws(KuklaError) {
            try step(exchange.sink)
        } catch {
            lock.withLock { exchanges[task.taskIdentifier]?.refusal = error }
            task.cancel()
        }
    }

    /// What went wrong in a few words; URLError's own description on Linux prints its whole dictionary.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? URLError else { return "\(error)" }
        return switch error.code {
        case .timedOut: "timed out"
        case .cannotFindHost, .dnsLookupFailed: "the host's name is not known"
        case .cannotConnectToHost: "nothing answers there"
        case .networkConnectionLost: "the connection was cut"
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
            .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid:
            "the secure connection could not be made"
        default: error.localizedDescription
        }
    }
}

/// Gathers a short answer: a file list, or the words of an error.
final class MemorySink: ResponseSink, @unchecked Sendable {  // calls come one after another
    private let limit: Int
    private(set) var body = Data()

    /// - Parameter limit: the longest body that is accepted, so that a hostile answer cannot fill memory.
    init(limit: Int) { self.limit = limit }

    func begin(_ response: HTTPURLResponse) throws(KuklaError) { body = Data() }

    func receive(_ data: Data) throws(KuklaError) {
        guard body.count + data.count <= limit else {
            throw KuklaError(.network, "an answer is longer than the \(limit) bytes expected at most")
        }
        body.append(data)
    }
}
