import Foundation
import KuklaNumerics
import KuklaText

/// A copy of the tiny golden model that a test may change.
struct EncoderFolder {
    static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "kukla-encoder-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: Self.golden.appending(path: "tiny-bert"), to: url)
    }

    func remove() { try? FileManager.default.removeItem(at: url) }

    func write(_ path: String, _ text: String) throws {
        try Data(text.utf8).write(to: url.appending(path: path))
    }

    func read(_ path: String) throws -> Data { try Data(contentsOf: url.appending(path: path)) }

    /// Sets one key of a JSON file; `nil` removes it.
    func set(_ path: String, _ key: String, _ value: Any?) throws {
        var object = try JSONSerialization.jsonObject(with: try read(path)) as? [String: Any] ?? [:]
        object[key] = value
        try JSONSerialization.data(withJSONObject: object).write(to: url.appending(path: path))
    }

    /// `modules.json` with the Transformer, the Pooling and these.
    func setModules(_ further: [(path: String, type: String)]) throws {
        try setAllModules([("", "Transformer"), ("1_Pooling", "Pooling")] + further)
    }

    /// `modules.json` with these and no others.
    func setAllModules(_ all: [(path: String, type: String)]) throws {
        let items = all.map { "{\"path\": \"\($0.0)\", \"type\": \"sentence_transformers.models.\($0.1)\"}" }
        try write("modules.json", "[\(items.joined(separator: ","))]")
    }
}

/// The golden token ids and vectors of the tiny model.
struct TinyGolden: Decodable {
    let ids: [[Int32]]
    let expected: [String: [[Float]]]

    static func load() throws -> TinyGolden {
        try JSONDecoder().decode(
            TinyGolden.self,
            from: try Data(contentsOf: EncoderFolder.golden.appending(path: "tiny-bert.json")))
    }
}

/// Sequences one behind the other.
func flattened(_ sequences: [[Int32]]) -> (ids: [Int32], offsets: [Int]) {
    (sequences.flatMap { $0 }, sequences.reduce(into: [0]) { $0.append($0.last! + $1.count) })
}

/// The greatest difference between a matrix and expected rows.
func worstDifference(_ matrix: Matrix, _ expected: [[Float]]) -> Float {
    zip(matrix.elements, expected.flatMap { $0 }).map { abs($0 - $1) }.max() ?? 0
}
