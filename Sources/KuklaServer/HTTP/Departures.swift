import KuklaNumerics
import NIOCore

/// Tells who waits for a client that it is gone: work for it can be dropped.
///
/// A client that closes only its sending half counts as gone, as it does for reverse proxies.
final class Departures: Sendable {
    private struct State {
        var next = 0
        var waiting: [ObjectIdentifier: [Int: @Sendable () -> Void]] = [:]
        /// Connections whose client has gone, and which are still open on our side.
        var gone: Set<ObjectIdentifier> = []
    }

    private let state = Guarded(State())

    /// Runs `body`, and `departed` where the client goes meanwhile or has gone, once.
    func watching<Result>(
        _ channel: any Channel, _ body: () async throws -> Result,
        departed: @escaping @Sendable () -> Void
    ) async throws -> Result {
        let key = ObjectIdentifier(channel)
        let (number, isGone) = state.withLock { state in
            state.next += 1
            let isGone = state.gone.contains(key)
            if !isGone { state.waiting[key, default: [:]][state.next] = departed }
            return (state.next, isGone)
        }
        if isGone { departed() }
        defer {
            state.withLock { state in
                state.waiting[key]?[number] = nil
                if state.waiting[key]?.isEmpty ?? false { state.waiting[key] = nil }
            }
        }
        return try await body()
    }

    fileprivate func depart(_ channel: any Channel, isClosed: Bool) {
        let key = ObjectIdentifier(channel)
        let departed = state.withLock { state in
            if isClosed { state.gone.remove(key) } else { state.gone.insert(key) }
            return state.waiting.removeValue(forKey: key) ?? [:]
        }
        for body in departed.values { body() }
    }

    /// The handler that each connection's pipeline needs.
    func handler() -> some RemovableChannelHandler & Sendable { Handler(self) }

    private final class Handler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
        typealias InboundIn = NIOAny

        private let departures: Departures

        init(_ departures: Departures) { self.departures = departures }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event {
                departures.depart(context.channel, isClosed: false)
            }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            departures.depart(context.channel, isClosed: true)
            context.fireChannelInactive()
        }
    }
}
