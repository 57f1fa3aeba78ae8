import Foundation
import KuklaNumerics

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A token that no log, error or `print` shows.
struct Secret: Sendable, CustomStringConvertible, CustomReflectable {
    let value: String
    var description: String { "(secret)" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// How often and how soon a failed request is tried again.
struct RetryPolicy: Sendable {
    /// Attempts in a row without progress before giving up.
    var attempts = 5
    /// Seconds before the second attempt; each further wait is twice as long.
    var firstDelay = 0.5
    var longestDelay = 30.0

    func delay(afterFailure failure: Int, serverAsks: Double?) -> Double {
        min(longestDelay, max(serverAsks ?? 0, firstDelay * Double(1 << min(failure - 1, 16))))
    }
}

/// Requests to one hub: redirects, the token's reach, and what each status means for the user.
struct HubConnection: Sendable {
    enum Verdict {
        case done(HTTPURLResponse)
        /// Worth another attempt, after so many seconds where the server said.
        case retry(reason: String, after: Double?)
        case failed(KuklaError)
    }

    let client: HTTPClient
    let endpoint: URL
    let token: Secret?
    let policy: RetryPolicy

    /// Sends one request, follows redirects, and judges the answer.
    ///
    /// The token goes to the endpoint's own scheme, host and port only: large files are redirected to
    /// storage hosts, whose links are signed, and which must never see it.
    func attempt(_ start: URL, headers: [String: String] = [:], to sink: any ResponseSink) async -> Verdict {
        var url = start
        for _ in 0..<10 {
            var request = URLRequest(url: url)
            for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
            // Sizes and ranges count the file's own bytes, so no compression on the way.
            request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
            request.setValue("kukla", forHTTPHeaderField: "User-Agent")
            if let token, Self.origin(url) == Self.origin(endpoint) {
                request.setValue("Bearer \(token.value)", forHTTPHeaderField: "Authorization")
            }
            let outcome = await client.send(request, to: RedirectFilter(sink))
            guard case .complete(let response) = outcome, Self.redirects.contains(response.statusCode) else {
                return judge(outcome, url: url)
            }
            guard let location = response.value(forHTTPHeaderField: "Location"),
                let next = URL(string: location, relativeTo: url)?.absoluteURL,
                let scheme = next.scheme?.lowercased(), next.host != nil,
                scheme == "https" || (scheme == "http" && url.scheme?.lowercased() == "http")
            else {
                return .failed(
                    KuklaError(
                        .network,
                        "\(Self.shown(url)) redirects to nowhere, or from https to something less safe"))
            }
            url = next
        }
        return .failed(KuklaError(.network, "\(Self.shown(start)) redirects in circles"))
    }

    /// A short answer in memory, with retries.
    func body(of url: URL, limit: Int) async throws(KuklaError) -> Data {
        var failures = 0
        while true {
            let sink = MemorySink(limit: limit)
            switch await attempt(url, to: sink) {
            case .done: return sink.body
            case .failed(let error): throw error
            case .retry(let reason, let after):
                failures += 1
                try await pause(after: failures, reason: reason, serverAsks: after, url: url)
            }
        }
    }

    /// Waits before the next attempt.
    ///
    /// - Throws: `KuklaError.network` where that was the last one, `KuklaError.cancelled` where stopped.
    func pause(
        after failures: Int, reason: String, serverAsks: Double?, url: URL
    ) async throws(KuklaError) {
        guard failures < policy.attempts else {
            throw KuklaError(
                .network,
                "could not fetch \(Self.shown(url)): \(reason), \(failures) times in a row. Try again later; what "
                    + "has arrived is kept and the fetch goes on from there.")
        }
        try? await Task.sleep(for: .seconds(policy.delay(afterFailure: failures, serverAsks: serverAsks)))
        if Task.isCancelled { throw KuklaError(.cancelled, "stopped while fetching \(Self.shown(url))") }
    }

    // MARK: - Judging

    private func judge(_ outcome: HTTPClient.Outcome, url: URL) -> Verdict {
        switch outcome {
        case .cancelled: return .failed(KuklaError(.cancelled, "stopped while fetching \(Self.shown(url))"))
        case .refused(let error): return .failed(error)
        case .cut(let response, let reason):
            // A broken connection after a refusal is still that refusal.
            if let response, response.statusCode >= 400 { return judge(response, url: url) }
            return .retry(reason: reason, after: nil)
        case .complete(let response): return judge(response, url: url)
        }
    }

    private func judge(_ response: HTTPURLResponse, url: URL) -> Verdict {
        let status = response.statusCode
        let said =
            response.value(forHTTPHeaderField: "X-Error-Message").map {
                " The hub says: \(Self.printable($0))."
            } ?? ""
        let place = Self.shown(url)
        switch status {
        case 200, 206: return .done(response)
        case 416: return .done(response)
        case 401:
            let what =
                token == nil
                ? "there is no such model, or it is private or gated. Check the name; for a private one pass a token "
                    + "(HF_TOKEN)"
                : "the token was not accepted. Make a new one, or check that it may read this model"
            return .failed(KuklaError(.network, "\(place) answered 401: \(what).\(said)"))
        case 403:
            return .failed(
                KuklaError(
                    .network,
                    "\(place) answered 403: access is not granted. A gated model needs its terms accepted on its page, "
                        + "and a token (HF_TOKEN) of that account.\(said)"))
        case 404:
            return .failed(
                KuklaError(
                    .network,
                    "\(place) answered 404: there is no such model, revision or file. Check the spelling of "
                        + "ORG/NAME and the revision.\(said)"))
        case 408, 425, 429, 500...599:
            let asked = response.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init)
            return .retry(
                reason: "the server answered \(status)", after: asked.flatMap { $0 >= 0 ? $0 : nil })
        default:
            return .failed(
                KuklaError(.network, "\(place) answered \(status), which is not expected here.\(said)"))
        }
    }

    private static let redirects: Set<Int> = [301, 302, 303, 307, 308]

    /// Scheme, host and port: what a token belongs to.
    private static func origin(_ url: URL) -> String {
        let scheme = url.scheme?.lowercased() ?? ""
        return "\(scheme)://\(url.host?.lowercased() ?? ""):\(url.port ?? (scheme == "https" ? 443 : 80))"
    }

    /// A URL for messages, without the query, in which storage hosts carry signatures.
    static func shown(_ url: URL) -> String {
        var parts = URLComponents(url: url, resolvingAgainstBaseURL: true)
        parts?.query = nil
        parts?.user = nil
        parts?.password = nil
        return parts?.string ?? "the hub"
    }

    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200)))
    }

    /// Hides the answers that only redirect from a sink.
    private final class RedirectFilter: ResponseSink, @unchecked Sendable {  // calls come one after another
        private let sink: any ResponseSink
        private var isOpen = false

        init(_ sink: any ResponseSink) { self.sink = sink }

        func begin(_ response: HTTPURLResponse) throws(KuklaError) {
            isOpen = !HubConnection.redirects.contains(response.statusCode)
            if isOpen { try sink.begin(response) }
        }

        func receive(_ data: Data) throws(KuklaError) {
            if isOpen { try sink.receive(data) }
        }
    }
}
