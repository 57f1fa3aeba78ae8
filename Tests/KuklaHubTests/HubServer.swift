import Foundation
import Testing

/// A local hub that serves one small model and misbehaves on order; see `Server/hub.py`.
final class HubServer {
    struct Request: Decodable {
        let path: String
        let range: String?
        let if_range: String?
        let authorization: String?
        let encoding: String?
    }

    /// What happens to a request in turn: a status, or a behaviour in words.
    enum Turn: Encodable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
        ExpressibleByStringInterpolation
    {
        case status(Int)
        case words(String)

        init(stringLiteral value: String) { self = .words(value) }
        init(integerLiteral value: Int) { self = .status(value) }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .status(let status): try container.encode(status)
            case .words(let words): try container.encode(words)
            }
        }
    }

    /// A folder of this server's own, gone when it ends: `model` (what is served) and `cache`.
    let home: URL
    let port: Int
    private let process = Process()
    private let input = Pipe()

    var endpoint: String { "http://127.0.0.1:\(port)" }
    var cache: URL { home.appending(path: "cache") }
    var folder: URL { cache.appending(path: "models/acme--tiny") }

    /// 200,000 bytes that no two places of share, as weights.
    static let weights = Data((0..<50_000).flatMap { i in withUnsafeBytes(of: UInt32(i)) { Array($0) } })

    static let files: [String: Data] = [
        "config.json": Data(#"{"model_type":"bert"}"#.utf8), "modules.json": Data("[]".utf8),
        "tokenizer.json": Data("{}".utf8), "vocab.txt": Data("[PAD]\n".utf8), "README.md": Data(),
        "1_Pooling/config.json": Data("{\"a\":1}".utf8), "model.safetensors": weights,
    ]
    static let unwanted: [String: Data] = [
        "pytorch_model.bin": Data("pickle".utf8), "onnx/model.onnx": Data("onnx".utf8),
        "openvino/openvino_model.bin": Data("vino".utf8), ".gitattributes": Data("x".utf8),
    ]

    init(_ plan: [String: [Turn]] = [:], files: [String: Data] = HubServer.files) throws {
        home = FileManager.default.temporaryDirectory.appending(path: "kukla-hub-\(UUID().uuidString)")
        let model = home.appending(path: "model")
        for (path, data) in files.merging(Self.unwanted, uniquingKeysWith: { a, _ in a }) {
            let url = model.appending(path: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: url)
        }
        let planFile = home.appending(path: "plan.json")
        try JSONEncoder().encode(plan).write(to: planFile)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "Server/hub.py")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-I", "-S", script.path, model.path, planFile.path,
            home.appending(path: "log.jsonl").path,
        ]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    deinit {
        // Not waited for: that the process has ended shows only when a server which was started at the same moment, and
        // inherited what tells it, has ended as well, and that one's test may need this thread.
        kill(process.processIdentifier, SIGKILL)
        try? input.fileHandleForWriting.close()
        try? FileManager.default.removeItem(at: home)
    }

    /// The requests so far, of one path inside the model where it is given.
    func requests(_ path: String? = nil) throws -> [Request] {
        guard let log = try? String(contentsOf: home.appending(path: "log.jsonl"), encoding: .utf8) else {
            return []
        }
        return try log.split(separator: "\n").map {
            try JSONDecoder().decode(Request.self, from: Data($0.utf8))
        }
        .filter { request in path.map { request.path.hasSuffix("/\($0)") } ?? true }
    }

    /// Every file below a folder, by path.
    static func contents(_ folder: URL) -> [String: Data] {
        var found: [String: Data] = [:]
        for case let path as String in FileManager.default.enumerator(atPath: folder.path)
            ?? FileManager.DirectoryEnumerator()
        {
            if let data = FileManager.default.contents(atPath: folder.appending(path: path).path) {
                found[path] = data
            }
        }
        return found
    }
}
