public import Foundation
public import KuklaNumerics

extension WordPieceTokenizer {
    /// Reads the tokenizer of a model folder: `tokenizer.json`, or else `vocab.txt` with `tokenizer_config.json`.
    ///
    /// Truncation and padding written in `tokenizer.json` are not applied: `encode` takes a `maxLength`.
    ///
    /// - Throws: `KuklaError` where the files are missing, damaged, or of a kind other than BERT's WordPiece.
    public init(folder: URL) throws(KuklaError) {
        let file = folder.appending(path: "tokenizer.json")
        if FileManager.default.fileExists(atPath: file.path) {
            self = try WordPieceTokenizer(tokenizerFile: file)
            return
        }
        let vocabulary = folder.appending(path: "vocab.txt")
        guard FileManager.default.fileExists(atPath: vocabulary.path) else {
            throw KuklaError(
                .missingFile,
                "looking for a tokenizer in \(folder.path): found neither tokenizer.json nor vocab.txt; "
                    + "give the folder of a BERT-like model")
        }
        let configuration = folder.appending(path: "tokenizer_config.json")
        var normalization = BertNormalization()
        if FileManager.default.fileExists(atPath: configuration.path) {
            normalization = try Self.normalization(configuration)
        }
        self = try WordPieceTokenizer(vocabularyFile: vocabulary, normalization: normalization)
    }

    /// Reads a `tokenizer.json` as Hugging Face `tokenizers` writes it.
    ///
    /// - Throws: `KuklaError` where it is damaged, or asks for what this tokenizer does not do.
    public init(tokenizerFile file: URL) throws(KuklaError) {
        self = try WordPieceTokenizer(tokenizerJSON: try Self.contents(of: file), name: file.path)
    }

    /// Reads the bytes of a `tokenizer.json`; `name` is what errors call it.
    package init(tokenizerJSON bytes: [UInt8], name: String) throws(KuklaError) {
        let json = try bytes.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try TokenizerJSON(bytes, name: name)
        }
        self.init(try TokenizerFile(json: json, name: name).parts())
    }

    /// Reads a vocabulary with a token on each line, in the order of their ids, as the first BERT had it.
    ///
    /// - Throws: `KuklaError` where a token stands twice, or `[UNK]`, `[CLS]` or `[SEP]` is missing.
    public init(
        vocabularyFile file: URL, normalization: BertNormalization = BertNormalization()
    ) throws(KuklaError) {
        let bytes = try Self.contents(of: file)
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        var tokens: [[UInt8]] = []
        var ids: [[UInt8]: Int32] = [:]
        for (number, line) in lines.enumerated() {
            let token = Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            guard ids.updateValue(Int32(number), forKey: token) == nil else {
                throw KuklaError(
                    .badData,
                    "reading \(file.path): line \(number + 1) repeats the token "
                        + "'\(String(decoding: token, as: UTF8.self))'; every token must stand once")
            }
            guard String(validating: token, as: UTF8.self) != nil else {
                throw KuklaError(.badData, "reading \(file.path): line \(number + 1) is not UTF-8")
            }
            tokens.append(token)
        }
        func special(_ name: String) throws(KuklaError) -> Int32 {
            guard let id = ids[Array(name.utf8)] else {
                throw KuklaError(
                    .badData,
                    "reading \(file.path): it has \(tokens.count) tokens but no \(name); give a BERT vocabulary"
                )
            }
            return id
        }
        let added = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { name in
            ids[Array(name.utf8)].map {
                WordPieceModel.AddedToken(id: $0, content: Array(name.utf8), isSpecial: true)
            }
        }
        self.init(
            WordPieceParts(
                tokens: tokens, modelTokenCount: tokens.count, prefix: Array("##".utf8),
                unknownID: try special("[UNK]"), maximumWordCharacters: 100, normalization: normalization,
                leadingIDs: [try special("[CLS]")], trailingIDs: [try special("[SEP]")], addedTokens: added,
                cleansUpDecoding: true))
    }

    private static func contents(of file: URL) throws(KuklaError) -> [UInt8] {
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw KuklaError(.missingFile, "reading a tokenizer: there is no file \(file.path)")
        }
        do {
            return [UInt8](try Data(contentsOf: file))
        } catch {
            throw KuklaError(.inputOutput, "reading \(file.path) failed", cause: error)
        }
    }

    private static func normalization(_ file: URL) throws(KuklaError) -> BertNormalization {
        let bytes = try contents(of: file)
        let json = try bytes.withUnsafeBufferPointer { bytes throws(KuklaError) in
            try TokenizerJSON(bytes, name: file.path)
        }
        func flag(_ key: StaticString) throws(KuklaError) -> Bool? {
            guard let value = json[key] else { return nil }
            guard case .bool(let flag) = value else {
                throw KuklaError(
                    .badData, "reading \(file.path): expected true or false for \(key), found \(value.kind)")
            }
            return flag
        }
        let lowercases = try flag("do_lower_case") ?? true
        return BertNormalization(
            isolatesIdeographs: try flag("tokenize_chinese_chars") ?? true,
            stripsAccents: try flag("strip_accents") ?? lowercases, lowercases: lowercases)
    }
}
