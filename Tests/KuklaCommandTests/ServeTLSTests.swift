import Foundation
import KuklaTestSupport
import Testing

/// `kukla serve --tls-certificate --tls-key`: HTTPS by certificates that openssl makes, asked by curl. Where either is missing, nothing is asked.
@Suite struct ServeTLSTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
    }

    private static let hasTools = [openssl, curl].allSatisfy {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    private static let openssl = "/usr/bin/openssl"
    private static let curl = "/usr/bin/curl"

    /// Makes `NAME.pem`, which signs itself, and its key `NAME.key`.
    private func makeCertificate(_ name: String) throws {
        let made = try run(
            Self.openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost",
                "-keyout", "\(name).key", "-out", "\(name).pem",
            ])
        #expect(made.status == 0)
    }

    /// Exit status and standard output of a program.
    private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test("HTTPS is spoken with who trusts the certificate, and with nobody else", .enabled(if: hasTools))
    func serves() throws {
        try makeCertificate("own")
        try makeCertificate("other")
        let server = try RunningServer(
            ["--model", "tiny", "--tls-certificate", "own.pem", "--tls-key", "own.key"], in: folder.url)
        #expect(server.text.contains("on https://127.0.0.1:"), "\(server.text)")
        let address = "https://127.0.0.1:\(server.port)"
        func ask(_ arguments: String..., path: String, certificate: String = "own.pem") throws -> (
            status: Int32, output: String
        ) {
            let common = ["-sS", "--max-time", "20", "--cacert", certificate]
            return try run(Self.curl, common + arguments + [address + path])
        }
        let health = try ask(path: "/healthz")
        #expect(health.status == 0 && health.output == #"{"status":"ok"}"#)
        let embedding = try ask(
            "-d", #"{"model": "tiny", "input": "a man"}"#, path: "/v1/embeddings")
        #expect(embedding.status == 0 && embedding.output.contains("\"embedding\""), "\(embedding.output)")
        // 60: the certificate of the server cannot be trusted.
        #expect(try ask(path: "/healthz", certificate: "other.pem").status == 60)
        let plain = try run(
            Self.curl, ["-sS", "--max-time", "20", "http://127.0.0.1:\(server.port)/healthz"])
        #expect(plain.status != 0 && !plain.output.contains("ok"), "\(plain)")
        #expect(server.end() == 0)
    }

    @Test("a key that is none, or another's, ends the server with a sentence", .enabled(if: hasTools))
    func badKey() throws {
        try makeCertificate("own")
        try makeCertificate("other")
        try Data("no key".utf8).write(to: folder.url.appending(path: "bad.key"))
        for key in ["bad.key", "other.key", "absent.key"] {
            let found = try Command.run(
                "serve", "--data", "data", "--no-model", "--port", "0", "--tls-certificate", "own.pem",
                "--tls-key", key,
                in: folder.url)
            #expect(found.failed(2, "own.pem", key), "\(key): \(found.status) \(found.errors)")
        }
    }
}
