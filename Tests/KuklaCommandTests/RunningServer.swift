import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A server that runs until it is let go of.
final class RunningServer {
    let process = Process()
    let log: URL
    private(set) var port = 0

    /// - Parameter command: what serves.
    init(_ arguments: [String], command: [String] = ["serve", "--data", "data"], in folder: URL) throws {
        log = folder.appending(path: "serve-\(UUID().uuidString).log")
        try Data().write(to: log)
        process.executableURL = Command.executable
        process.arguments = command + ["--port", "0"] + arguments
        process.currentDirectoryURL = folder
        process.standardError = try FileHandle(forWritingTo: log)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        for _ in 0..<600 where port == 0 && process.isRunning {
            Thread.sleep(forTimeInterval: 0.02)
            let line = text.split(separator: "\n").first { $0.hasPrefix("Serving ") }
            port = line?.split(separator: ":").last.flatMap { Int($0) } ?? 0
        }
    }

    var text: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Status and body of an answer.
    func ask(
        path: String, _ body: String? = nil, headers: [String: String] = [:]
    ) async throws -> (status: Int, body: String) {
        var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)\(path)")!)
        request.timeoutInterval = 20
        if let body {
            request.httpMethod = "POST"
            request.httpBody = Data(body.utf8)
        }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        return (
            (response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self)
        )
    }

    /// Sends a signal and waits for the end; the exit status.
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        return process.terminationStatus
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}
