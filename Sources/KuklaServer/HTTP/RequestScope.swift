import Hummingbird
import NIOCore

/// What is known of a request beside what it says: from where and from whom it came.
struct RequestScope: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// Who asks; set by `Authentication`.
    var principal = Principal.nobody

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The address of the client, without its port.
    var address: String { channel.remoteAddress?.ipAddress ?? "local" }
}
