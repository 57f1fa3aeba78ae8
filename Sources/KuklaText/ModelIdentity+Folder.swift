public import Foundation
public import KuklaFormats
public import KuklaNumerics

extension ModelIdentity {
    /// The member of a model's `config.json` that lists the digests of older models with whose vectors its own can be compared.
    public static let compatibilityKey = "kukla_compatible_with"

    /// Members of `config.json` that change no vector: what was measured of sizes, which older models there are, and notes of those who
    /// saved the file.
    private static let notes = [SizeTable.key, compatibilityKey, "_name_or_path", "transformers_version"]

    /// The model in `folder`.
    ///
    /// The digest is over the bytes of its weights, its tokenizer and what says how its modules work together. A README, prompts (collections embed
    /// texts without one) and recorded sizes are no part of it; 8-bit computing is none either.
    /// - Parameter name: the folder's name where nil.
    /// - Throws: `KuklaError`: `missingFile`, `inputOutput`; `badData` where `kukla_compatible_with` is no list of digests.
    /// - Complexity: reads all of the weights.
    public init(folder: URL, name: String? = nil) throws(KuklaError) {
        let name = name ?? folder.standardizedFileURL.lastPathComponent
        var lines = ""
        for path in try Self.files(of: folder) {
            let url = folder.appending(path: path)
            let isConfiguration = path.split(separator: "/").last == "config.json"
            let digest =
                try isConfiguration ? Self.digest(ofConfiguration: url) : FileDigest.sha256(of: url)
            lines += "\(digest) \(path)\n"
        }
        try self.init(
            name: name, digest: FileDigest.sha256(of: Array(lines.utf8)),
            compatibleWith: Self.compatible(in: folder, name))
    }

    /// The files that decide what vectors the model makes, in an order of their own.
    private static func files(of folder: URL) throws(KuklaError) -> [String] {
        let manager = FileManager.default
        func there(_ paths: [String]) -> [String] {
            paths.filter { manager.fileExists(atPath: folder.appending(path: $0).path) }
        }
        if AspectFolder.isOne(folder) || ConceptFolder.isOne(folder) {
            // Only kukla writes these folders: all that lies there belongs to the model.
            let all = manager.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
            let known = ["json", "safetensors", "txt", "tsv"]
            return all.filter { path in
                let file = URL(fileURLWithPath: path)
                return known.contains(file.pathExtension) && !file.lastPathComponent.hasPrefix(".")
                    && file.lastPathComponent != PromptTable.file
            }.sorted()
        }
        var paths = ["modules.json"]
        for module in try ModelFolder.modulePaths(folder) {
            let prefix = module.isEmpty ? "" : "\(module)/"
            for file in ModelFolder.transformerFiles + ["model.safetensors"] { paths.append(prefix + file) }
        }
        // A tokenizer may lie beside a first module that has a folder of its own.
        paths += ModelFolder.tokenizerFiles
        return there(Set(paths).sorted())
    }

    /// The digest of a configuration without what changes no vector. Members in the order of their names: who records sizes writes the
    /// file anew.
    private static func digest(ofConfiguration url: URL) throws(KuklaError) -> String {
        var members = try JSONMembers(url)
        for key in notes { members[key] = nil }
        return FileDigest.sha256(of: Array(members.sorted.text.utf8))
    }

    private static func compatible(in folder: URL, _ name: String) throws(KuklaError) -> [String] {
        let url = folder.appending(path: "config.json")
        guard FileManager.default.fileExists(atPath: url.path),
            let json = try JSONMembers(url)[compatibilityKey]
        else { return [] }
        // A list that is longer than any that can be meant is not even read.
        guard json.utf8.count <= 1 << 20,
            let list = try? JSONDecoder().decode([String].self, from: Data(json.utf8))
        else {
            throw KuklaError(
                .badData,
                "Cannot use the model '\(name)': '\(compatibilityKey)' in \(url.path) is \(json.prefix(60)), expected a list of at most \(maximumCompatible) digests of older models, as `kukla info MODEL` prints them."
            )
        }
        return list
    }
}
