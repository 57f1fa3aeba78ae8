import Foundation
import KuklaFormats
import KuklaNumerics

/// Where the modules of a sentence-transformers folder lie, and how one is put together.
enum ModelFolder {
    static let tokenizerFiles = [
        "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
        "added_tokens.json",
    ]

    /// What belongs to the transformer and its tokenizer, beside the weights.
    static let transformerFiles = ["config.json", "sentence_bert_config.json"] + tokenizerFiles

    /// Copies all that a folder says about its model but for the weights, and makes the modules' folders.
    ///
    /// - Parameter change: changes the members of `config.json`; the sizes of the old model are already taken out.
    static func copySettings(
        from folder: URL, to staging: URL, changing change: (inout JSONMembers) -> Void
    ) throws(KuklaError) {
        for name in transformerFiles + ["modules.json", "config_sentence_transformers.json"] {
            try copy(name, from: folder, to: staging)
        }
        var configuration = try JSONMembers(folder.appending(path: "config.json"))
        configuration[SizeTable.key] = nil
        change(&configuration)
        try AtomicFile.write(configuration.text, to: staging.appending(path: "config.json"))
        for path in try modulePaths(folder) where !path.isEmpty {
            try make(path, in: staging)
            try copy("\(path)/config.json", from: folder, to: staging)
        }
    }

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

    /// Copies a file where it is there.
    static func copy(_ name: String, from source: URL, to staging: URL) throws(KuklaError) {
        let source = source.appending(path: name)
        guard FileManager.default.fileExists(atPath: source.path) else { return }
        try AtomicFile.write(
            try MappedFile(source).withBytes { Data($0) }, to: staging.appending(path: name))
    }

    /// Copies a whole sentence-transformers folder: settings, tokenizer and the weights of all modules.
    static func copyAll(from folder: URL, to target: URL) throws(KuklaError) {
        try copySettings(from: folder, to: target) { _ in }
        for path in try modulePaths(folder) {
            let prefix = path.isEmpty ? "" : "\(path)/"
            try copy("\(prefix)model.safetensors", from: folder, to: target)
        }
    }

    /// Bytes of the files in a folder.
    static func bytes(of folder: URL) throws(KuklaError) -> Int {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).reduce(0) { sum, name in
                let file = folder.appending(path: name).path
                let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
                return sum + (size ?? 0)
            }
        } catch {
            throw KuklaError(.inputOutput, "Cannot read the folder \(folder.path).", cause: error)
        }
    }

    static func make(_ module: String, in staging: URL) throws(KuklaError) {
        let target = staging.appending(path: module)
        do {
            try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(target.path).", cause: error)
        }
    }

    static func write(maximumLength: Int, to staging: URL) throws(KuklaError) {
        let settings = "{\n  \"max_seq_length\": \(maximumLength),\n  \"do_lower_case\": false\n}\n"
        try AtomicFile.write(settings, to: staging.appending(path: "sentence_bert_config.json"))
    }
}
