import Foundation

/// A file of `Golden/`, made by `Scripts/golden/evaluation_metrics.py`.
func golden<Body: Decodable>(_ name: String, as type: Body.Type) throws -> Body {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
    return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}
