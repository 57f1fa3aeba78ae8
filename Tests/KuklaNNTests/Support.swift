import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

/// A JSON file of `Golden/`, made by a script of `Scripts/golden/`.
func golden<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(contentsOf: url))
}

/// The greatest difference of two lists of numbers, relative to the size of the second where that is above 1.
func difference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { worst, pair in
        let gap = abs(pair.0 - pair.1) / max(1, abs(pair.1))
        return gap.isNaN ? .infinity : max(worst, gap)
    }
}

/// A folder that is gone after `body`.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-nn-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// The message of the `KuklaError` that `body` throws; nil where it throws none.
func kuklaMessage(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as KuklaError {
        return error.message
    } catch {
        return "not a KuklaError: \(error)"
    }
}
