import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

/// A small file that another library wrote.
func golden(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
}

/// Runs `body` with a folder that is removed afterwards.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-formats-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// Everything in a folder, hidden files too.
func names(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
}

/// The message of the `KuklaError` that `body` throws.
func message<Result>(
    of body: () throws -> Result, sourceLocation: SourceLocation = #_sourceLocation
) -> String {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return ""
    } catch let error as KuklaError {
        return error.message
    } catch {
        Issue.record("\(error) is no KuklaError", sourceLocation: sourceLocation)
        return ""
    }
}

/// Packs bytes with the gzip that the machine has.
func gzip(_ data: Data, to url: URL) throws {
    let temporary = url.deletingLastPathComponent().appending(path: UUID().uuidString)
    try data.write(to: temporary)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "gzip -n < '\(temporary.path)' > '\(url.path)'; rm '\(temporary.path)'"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
}

/// Writes a file anew. `Data.write` flushes to disk each time, which makes thousands of small files slow.
func replace(_ url: URL, with bytes: some ContiguousBytes) throws {
    let file = try #require(fopen(url.path, "wb"))
    let isWhole = bytes.withUnsafeBytes {
        $0.isEmpty || fwrite($0.baseAddress, 1, $0.count, file) == $0.count
    }
    try #require(fclose(file) == 0 && isWhole)
}
