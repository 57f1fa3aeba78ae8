import Foundation
import KuklaNumerics

/// Where the modules of a sentence-transformers folder lie.
enum ModelFolder {
    /// The paths of all modules in the order of `modules.json`, relative to the folder; "" is the folder itself.
    static func modulePaths(_ folder: URL) throws(KuklaError) -> [String] {
        struct Entry: Decodable { var path: String }
        return try ModelFile(folder, "modules.json").decode([Entry].self).map { entry in
            entry.path.split(separator: "/").joined(separator: "/")
        }
    }

    static func relativePath(of module: URL, in folder: URL) -> String {
        let (path, base) = (module.standardizedFileURL.path, folder.standardizedFileURL.path)
        return String(path.dropFirst(base.count).drop { $0 == "/" })
    }
}
