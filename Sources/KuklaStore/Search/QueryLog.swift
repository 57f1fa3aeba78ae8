import KuklaNumerics

/// The last searches by vector, held in memory: what recall is measured with, and efforts are learned from.
final class QueryLog: Sendable {
    private struct State {
        var requests: [SearchRequest] = []
        var next = 0
    }

    private let state = Guarded(State())
    private let capacity: Int

    /// - Parameter dimensions: of the vectors, of which at most 4 MB are kept.
    init(dimensions: Int) { capacity = min(256, max(8, (4 << 20) / (4 * dimensions))) }

    /// Remembers a search, in place of the oldest one.
    func add(_ request: SearchRequest, vector: [Float]) {
        var request = request
        request.vector = vector
        request.text = nil
        state.withLock { state in
            if state.requests.count < capacity {
                state.requests.append(request)
            } else {
                state.requests[state.next] = request
            }
            state.next = (state.next + 1) % capacity
        }
    }

    /// All that are remembered.
    var requests: [SearchRequest] { state.withLock(\.requests) }
}
