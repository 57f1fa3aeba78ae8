import Foundation

/// A connection on which a test writes what it likes. It blocks: `exchange` has a thread for that.
final class RawConnection {
    private let descriptor: Int32
    /// No signal where the other side has closed.
    #if canImport(Darwin)
        private static let flags: Int32 = 0
    #else
        private static let flags = Int32(MSG_NOSIGNAL)
    #endif

    init(port: Int) throws {
        #if canImport(Darwin)
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        // A test that waits in vain ends.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Foundation.close(descriptor) }

    /// What `body` returns, on a thread that is none of Swift's own few: the server under test runs on these.
    static func exchange<Result: Sendable>(
        _ port: Int?, _ body: @escaping @Sendable (RawConnection) throws -> Result
    ) async throws -> Result {
        let port = port ?? 0
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Swift.Result { try body(RawConnection(port: port)) })
            }
        }
    }

    /// Sends all of it; false where the other side has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress! + done, bytes.count - done, Self.flags)
            }
            guard sent > 0 else { return false }
            done += sent
        }
        return true
    }

    /// A request's head, whose body comes in chunks.
    func begin(_ method: String, _ path: String) {
        send(
            "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
    }

    @discardableResult
    func sendChunk(_ text: String) -> Bool {
        send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// All that comes until the other side closes, or nothing comes.
    func receive() -> String {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &part, part.count, 0)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all.append(contentsOf: part[..<count])
        }
    }

    /// Ends what this side sends; the other may still answer.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}
