import Foundation
import KuklaTestSupport
import Testing

/// The running server against its own OpenAPI document.
@Suite struct OpenAPICommandTests {
    @Test(
        "what schemathesis makes of the document gets no answer of 500 or above, and none that the document does not know"
    )
    func schemathesis() async throws {
        // Scripts/install-clients.sh makes this environment; where it is not, there is nothing to ask with.
        let environment = ProcessInfo.processInfo.environment
        guard let python = environment["KUKLA_CLIENTS_PYTHON"] else {
            print("Skipped: no KUKLA_CLIENTS_PYTHON, and so no schemathesis.")
            return
        }
        let tool = URL(fileURLWithPath: python).deletingLastPathComponent().appending(path: "schemathesis")
        guard FileManager.default.isExecutableFile(atPath: tool.path) else {
            print("Skipped: there is no \(tool.path).")
            return
        }
        let folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
        let server = try RunningServer(["--model", "tiny", "--log-level", "error"], in: folder.url)
        #expect(server.port > 0, "\(server.text)")
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/bin/bash")
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Scripts/schemathesis/run.sh").standardizedFileURL
        // All of it takes minutes.
        let isSlow = environment["KUKLA_SLOW_TESTS"] == "1"
        let effort =
            isSlow ? ["--max-examples", "30"] : ["--max-examples", "2", "--phases", "examples,fuzzing"]
        client.arguments =
            [script.path, "http://127.0.0.1:\(server.port)", "--seed", "1", "--no-shrink"] + effort
        client.currentDirectoryURL = folder.url
        client.environment = environment.merging(["SCHEMATHESIS": tool.path]) { $1 }
        let output = Pipe()
        client.standardOutput = output
        client.standardError = output
        try client.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        client.waitUntilExit()
        #expect(client.terminationStatus == 0, "\(text.suffix(6000))")
        #expect(server.process.isRunning)
        #expect(server.end() == 0)
    }
}
