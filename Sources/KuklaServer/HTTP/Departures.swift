import KuklaNumerics
import NIOCore

/// Tells who waits for a client that it is gone: work for it can be dropped.
///
/// A client that closes only its sending half counts as gone, as it does for reverse proxies.
final class Departures: Sendable {
    private let waiting = Guarded([ObjectIdentifier: [Int: @Sendable () -> Void]]())
    private let next = Guarded(0)

    /// Runs `body`, and `departed` where the client goes meanwhile; on the channel's thread, at most once.
    func watching<Result>(
        _ channel: any Channel, _ body: () async throws -> Result,
        departed: @escaping @Sendable () -> Void
    ) async throws -> Result {
        let key = ObjectIdentifier(channel)
        let number = next.withLock { number in
            number += 1
            return number
        }
        waiting.withLock { $0[key, default: [:]][number] = departed }
        defer {
            waiting.withLock { waiting in
                waiting[key]?[number] = nil
                if waiting[key]?.isEmpty ?? false { waiting[key] = nil }
            }
        }
        return try await body()
    }

    fileprivate func depart(_ channel: any Channel) {
        let departed = waiting.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
        for body in (departed ?? [:]).values { body() }
    }

    /// The handler that each connection's pipeline needs.
    func handler() -> some RemovableChannelHandler & Sendable { Handler(self) }

    private final class Handler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
        typealias InboundIn = NIOAny

        private let departures: Departures

        init(_ departures: Departures) { self.departures = departures }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { departures.depart(context.channel) }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            departures.depart(context.channel)
            context.fireChannelInactive()
        }
    }
}
