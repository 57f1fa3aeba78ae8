import KuklaNumerics

/// Reads the parts of a tokenizer out of the JSON of a `tokenizer.json`.
struct TokenizerFile {
    let json: TokenizerJSON
    let name: String

    func parts() throws(KuklaError) -> WordPieceParts {
        guard let model = json["model"] else { throw bad("it has no 'model'") }
        if let type = try string(model["type"], "model.type"), type != "WordPiece" {
            throw unsupported("its model is '\(type)', and only WordPiece is read")
        }
        var tokens = try vocabulary(model)
        let modelTokenCount = tokens.count
        var ids: [[UInt8]: Int32] = [:]
        for (id, token) in tokens.enumerated() { ids[token] = Int32(id) }

        let unknown = try bytes(model["unk_token"], "model.unk_token") ?? Array("[UNK]".utf8)
        guard let unknownID = ids[unknown] else {
            throw bad("its vocabulary has no unknown token '\(String(decoding: unknown, as: UTF8.self))'")
        }
        let longest = try integer(model["max_input_chars_per_word"], "model.max_input_chars_per_word") ?? 100
        guard (1...65536).contains(longest) else {
            throw unsupported("model.max_input_chars_per_word is \(longest), and 1 to 65536 are read")
        }
        let added = try addedTokens(&tokens, &ids)
        let preTokenizer = try string(json["pre_tokenizer"]?["type"], "pre_tokenizer.type") ?? "none"
        guard preTokenizer == "BertPreTokenizer" else {
            throw unsupported("its pre_tokenizer is '\(preTokenizer)', and only BertPreTokenizer is read")
        }
        let (leading, trailing) = try postProcessor(ids)
        var cleansUp = false
        if let decoder = json["decoder"] {
            cleansUp = try bool(decoder["cleanup"], "decoder.cleanup") ?? true
        }
        return WordPieceParts(
            tokens: tokens, modelTokenCount: modelTokenCount,
            prefix: try bytes(model["continuing_subword_prefix"], "model.continuing_subword_prefix")
                ?? Array("##".utf8),
            unknownID: unknownID, maximumWordCharacters: longest, normalization: try normalization(),
            leadingIDs: leading, trailingIDs: trailing, addedTokens: added, cleansUpDecoding: cleansUp)
    }

    // MARK: - Sections

    private func vocabulary(_ model: TokenizerJSON) throws(KuklaError) -> [[UInt8]] {
        guard case .object(let members)? = model["vocab"] else { throw bad("it has no object 'model.vocab'") }
        var tokens = [[UInt8]?](repeating: nil, count: members.count)
        var seen: Set<[UInt8]> = []
        for (token, value) in members {
            let text = String(decoding: token, as: UTF8.self)
            guard let id = try integer(value, "the id of '\(text)'"), tokens.indices.contains(id) else {
                throw bad("the id of the token '\(text)' is not one of 0..<\(members.count)")
            }
            guard tokens[id] == nil else { throw bad("two tokens have the id \(id)") }
            guard seen.insert(token).inserted else { throw bad("the token '\(text)' stands twice") }
            tokens[id] = token
        }
        return tokens.compactMap { $0 }
    }

    private func addedTokens(
        _ tokens: inout [[UInt8]], _ ids: inout [[UInt8]: Int32]
    ) throws(KuklaError) -> [WordPieceModel.AddedToken] {
        guard let section = json["added_tokens"] else { return [] }
        guard case .array(let entries) = section else {
            throw bad("'added_tokens' is \(section.kind), not an array")
        }
        var added: [WordPieceModel.AddedToken] = []
        for entry in entries {
            guard let content = try bytes(entry["content"], "added_tokens.content"), !content.isEmpty,
                let id = try integer(entry["id"], "added_tokens.id")
            else { throw bad("an entry of 'added_tokens' has no content or no id") }
            let text = String(decoding: content, as: UTF8.self)
            let options: [StaticString] = ["single_word", "lstrip", "rstrip", "normalized"]
            for option in options where try bool(entry[option], "added_tokens.\(option)") ?? false {
                throw unsupported("the added token '\(text)' has \(option), which is not read")
            }
            if let known = ids[content] {
                guard Int(known) == id else {
                    throw bad("the token '\(text)' has the ids \(known) and \(id)")
                }
            } else {
                guard id == tokens.count else {
                    throw bad("the added token '\(text)' has the id \(id), where \(tokens.count) comes next")
                }
                tokens.append(content)
                ids[content] = Int32(id)
            }
            added.append(
                .init(
                    id: Int32(id), content: content,
                    isSpecial: try bool(entry["special"], "added_tokens.special") ?? false))
        }
        return added
    }

    private func normalization() throws(KuklaError) -> BertNormalization {
        guard let section = json["normalizer"] else {
            return BertNormalization(
                cleansText: false, isolatesIdeographs: false, stripsAccents: false, lowercases: false)
        }
        let type = try string(section["type"], "normalizer.type") ?? "none"
        guard type == "BertNormalizer" else {
            throw unsupported("its normalizer is '\(type)', and only BertNormalizer is read")
        }
        let lowercases = try bool(section["lowercase"], "normalizer.lowercase") ?? true
        return BertNormalization(
            cleansText: try bool(section["clean_text"], "normalizer.clean_text") ?? true,
            isolatesIdeographs: try bool(
                section["handle_chinese_chars"], "normalizer.handle_chinese_chars") ?? true,
            stripsAccents: try bool(section["strip_accents"], "normalizer.strip_accents") ?? lowercases,
            lowercases: lowercases)
    }

    /// The ids before and after a single text.
    private func postProcessor(_ ids: [[UInt8]: Int32]) throws(KuklaError) -> ([Int32], [Int32]) {
        guard let section = json["post_processor"] else { return ([], []) }
        func id(_ token: TokenizerJSON?, _ place: String) throws(KuklaError) -> Int32 {
            guard let content = try bytes(token, place), let id = ids[content] else {
                throw bad("\(place) names no token of the vocabulary")
            }
            return id
        }
        switch try string(section["type"], "post_processor.type") {
        case "BertProcessing":
            guard case .array(let cls)? = section["cls"], case .array(let sep)? = section["sep"] else {
                throw bad("post_processor has no 'cls' or no 'sep'")
            }
            return (
                [try id(cls.first, "post_processor.cls")], [try id(sep.first, "post_processor.sep")]
            )
        case "TemplateProcessing":
            guard case .array(let template)? = section["single"] else {
                throw bad("post_processor has no array 'single'")
            }
            var before: [Int32] = []
            var after: [Int32] = []
            var sequences = 0
            for item in template {
                if item["Sequence"] != nil {
                    sequences += 1
                } else {
                    let special = try id(item["SpecialToken"]?["id"], "post_processor.single")
                    if sequences == 0 { before.append(special) } else { after.append(special) }
                }
            }
            guard sequences == 1 else {
                throw bad("post_processor.single has \(sequences) places for a text")
            }
            return (before, after)
        case let type:
            throw unsupported(
                "its post_processor is '\(type ?? "none")', and TemplateProcessing and BertProcessing are read"
            )
        }
    }

    // MARK: - Values

    private func bad(_ what: String) -> KuklaError {
        KuklaError(.badData, "reading \(name): \(what); download the model again")
    }

    private func unsupported(_ what: String) -> KuklaError {
        KuklaError(.unsupported, "reading \(name): \(what); use a model of the BERT family")
    }

    private func mismatch(_ value: TokenizerJSON, _ expected: String, _ place: String) -> KuklaError {
        bad("expected \(expected) for \(place), found \(value.kind)")
    }

    private func bytes(_ value: TokenizerJSON?, _ place: String) throws(KuklaError) -> [UInt8]? {
        guard let value else { return nil }
        guard case .string(let bytes) = value else { throw mismatch(value, "a string", place) }
        return bytes
    }

    private func string(_ value: TokenizerJSON?, _ place: String) throws(KuklaError) -> String? {
        try bytes(value, place).map { String(decoding: $0, as: UTF8.self) }
    }

    private func bool(_ value: TokenizerJSON?, _ place: String) throws(KuklaError) -> Bool? {
        guard let value else { return nil }
        guard case .bool(let flag) = value else { throw mismatch(value, "true or false", place) }
        return flag
    }

    private func integer(_ value: TokenizerJSON?, _ place: String) throws(KuklaError) -> Int? {
        guard let value else { return nil }
        guard case .number(let number) = value, let integer = Int(exactly: number) else {
            throw mismatch(value, "a whole number", place)
        }
        return integer
    }
}
