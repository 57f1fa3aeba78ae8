import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import NIOCore

extension Request {
    /// The whole body.
    ///
    /// - Parameters:
    ///   - limit: bytes that it may have.
    ///   - seconds: how long it may take to arrive.
    /// - Throws: `APIFailure`: `tooLarge`, `timeout`, or `clientGone` where it is cut.
    func collect(upTo limit: Int, within seconds: Double) async throws -> ByteBuffer {
        let tooLarge = APIFailure(
            .tooLarge, "The body of the request is larger than the \(limit) bytes that this server reads.",
            code: "body_too_large")
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
        let body = body
        return try await withDeadline(seconds) {
            var whole = ByteBuffer()
            for try await var part in body {
                guard whole.readableBytes + part.readableBytes <= limit else { throw tooLarge }
                if whole.readableBytes == 0 { whole = part } else { whole.writeBuffer(&part) }
            }
            return whole
        }
    }
}

/// What `body` returns, or `APIFailure.timeout` where that takes longer than `seconds`. What is there at once, as most bodies are, takes no
/// other thread and no timer.
func withDeadline<Result: Sendable>(
    _ seconds: Double, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        let isDone = Guarded(false)
        group.addImmediateTask {
            defer { isDone.withLock { $0 = true } }
            return try await body()
        }
        if !isDone.withLock({ $0 }) {
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                return nil
            }
        }
        defer { group.cancelAll() }
        let first = try await group.next()
        guard let result = first ?? nil else {
            throw APIFailure(
                .timeout, "The body of the request did not arrive within \(seconds) seconds.", code: "timeout"
            )
        }
        return result
    }
}

/// Reads a body that is one JSON object.
///
/// - Parameter member: consumes the value of the key that it is given; what it throws is told with the key.
/// - Throws: `APIFailure.invalidRequest` that says what is wrong and where.
func parseObject(
    _ body: ByteBuffer, _ member: (String, inout JSONScanner) throws(JSONFault) -> Void
) throws(APIFailure) {
    var fault: APIFailure?
    body.withUnsafeReadableBytes { bytes in
        var scanner = JSONScanner(bytes)
        var parameter: String?
        do throws(JSONFault) {
            try scanner.object { (key, scanner) throws(JSONFault) in
                parameter = key
                try member(key, &scanner)
                parameter = nil
            }
            try scanner.finish()
        } catch {
            fault = APIFailure(
                .invalidRequest,
                parameter.map { "The member '\($0)' cannot be read: \(error.what) (byte \(error.offset))." }
                    ?? "The body is no JSON object: \(error.what) (byte \(error.offset)).",
                code: parameter == nil ? "invalid_json" : "invalid_value", parameter: parameter)
        }
    }
    if let fault { throw fault }
}

extension JSONScanner {
    /// The next value, a boolean.
    mutating func boolean() throws(JSONFault) -> Bool {
        let start = position
        try skip()
        switch text(from: start).drop(while: \.isWhitespace) {
        case "true": return true
        case "false": return false
        default: throw fault("expected true or false")
        }
    }

    /// The next value, or nil where it is null.
    mutating func optional<Value>(
        _ read: (inout JSONScanner) throws(JSONFault) -> Value
    ) throws(JSONFault) -> Value? {
        guard peek() == UInt8(ascii: "n") else { return try read(&self) }
        try skip()
        return nil
    }
}
