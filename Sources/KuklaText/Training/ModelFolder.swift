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
    /// - Parameter change: changes the members of `config.json`; sizes and older models of the old model are already taken out.
    static func copySettings(
        from folder: URL, to staging: URL, changing change: (inout JSONMembers) -> Void
    ) throws(KuklaError) {
        for name in transformerFiles + ["modules.json", "config_sentence_transformers.json"] {
            try copy(name, from: folder, to: staging)
        }
        var configuration = try JSONMembers(folder.appending(path: "config.json"))
        configuration[SizeTable.key] = nil
        // Whoever trained for an older model's space did so for these weights.
        configuration[ModelIdentity.compatibilityKey] = nil
        change(&configuration)
        try AtomicFile.write(configuration.text, to: staging.appending(path: "config.json"))
        for path in try modulePaths(folder) where !path.isEmpty {
            try make(path, in: staging)
            try copy("\(path)/config.json", from: folder, to: staging)
        }
    }

    /// The paths of all modules in the order of `modules.json`, relative to the folder; "" is the folder itself.
    static func modulePaths(_ folder: URL) throws(KuklaError) -> [String] {
        try ModelFile(folder, "modules.json").decode([ModuleEntry].self).map { entry in
            entry.path.split(separator: "/").joined(separator: "/")
        }
    }

    /// Writes `modules.json`, numbered anew.
    static func write(_ modules: [ModuleEntry], to staging: URL) throws(KuklaError) {
        var modules = modules
        for index in modules.indices { modules[index].idx = index }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let list: Data
        do { list = try encoder.encode(modules) } catch {
            throw KuklaError(.badData, "Cannot write modules.json.", cause: error)
        }
        try AtomicFile.write(list, to: staging.appending(path: "modules.json"))
    }

    /// Puts the pooling of `configuration` in place of the one that a folder has, and returns its module's path.
    static func replacePooling(_ configuration: EncoderConfiguration, in staging: URL) throws(KuklaError)
        -> String
    {
        var modules = try ModelFile(staging, "modules.json").decode([ModuleEntry].self)
        guard
            let place = modules.firstIndex(where: {
                $0.kind == "Pooling" || $0.kind == "LatentAttentionPooling"
            })
        else {
            throw KuklaError(.badData, "Cannot write a pooling: modules.json lists none to replace.")
        }
        if !modules[place].path.isEmpty {
            // It is made anew below. Where that fails, so does the write that follows.
            try? FileManager.default.removeItem(at: staging.appending(path: modules[place].path))
        }
        let kind = configuration.latent == nil ? "Pooling" : "LatentAttentionPooling"
        modules[place].path = "1_\(kind)"
        modules[place].type =
            configuration.latent == nil ? "sentence_transformers.models.Pooling" : "kukla.\(kind)"
        try write(modules, to: staging)
        try make(modules[place].path, in: staging)
        let members: [(String, String)] =
            if let latent = configuration.latent {
                [
                    ("width", "\(configuration.hiddenSize)"), ("latents", "\(latent.latents)"),
                    ("heads", "\(latent.heads)"),
                    ("head_width", "\(latent.headWidth ?? configuration.hiddenSize)"),
                ]
            } else {
                [("word_embedding_dimension", "\(configuration.hiddenSize)")]
                    + zip(
                        poolingKeys, [PoolingMode.firstToken, .mean, .maximum, .meanRootLength, .lastToken]
                    ).map {
                        ("pooling_mode_\($0)", "\(configuration.pooling.contains($1))")
                    }
            }
        let lines = (members + [("include_prompt", "\(configuration.poolsPrompt)")]).map {
            "  \"\($0)\": \($1)"
        }
        try AtomicFile.write(
            "{\n\(lines.joined(separator: ",\n"))\n}\n",
            to: staging.appending(path: "\(modules[place].path)/config.json"))
        return modules[place].path
    }

    private static let poolingKeys = [
        "cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken",
    ]

    /// Says in a folder what prompts it knows; what else stands in their file stays.
    static func write(_ prompts: PromptTable, to staging: URL) throws(KuklaError) {
        let url = staging.appending(path: PromptTable.file)
        if !FileManager.default.fileExists(atPath: url.path) { try AtomicFile.write("{}", to: url) }
        var members = try JSONMembers(url)
        let lines = prompts.prompts.sorted { $0.key < $1.key }.map {
            "\(jsonQuoted($0.key)): \(jsonQuoted($0.value))"
        }
        members["prompts"] = "{\(lines.joined(separator: ", "))}"
        if members["default_prompt_name"] == nil { members["default_prompt_name"] = "null" }
        members["instruction_template"] = jsonQuoted(prompts.template.text)
        try AtomicFile.write(members.text, to: url)
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
