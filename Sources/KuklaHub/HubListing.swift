import Foundation
import KuklaNumerics

/// The files of one revision of a model, as the hub lists them.
struct HubListing: Sendable {
    /// One file, with what the hub says of its content.
    struct File: Sendable, Equatable {
        var path: String
        var size: Int?
        /// SHA-256 of the content in lower-case hex; the hub gives it for large files (LFS).
        var sha256: String?
        /// SHA-1 of git's blob (`blob <size>\0` and the content); given for small files.
        var gitBlob: String?
    }

    /// The commit that the revision names now.
    var commit: String
    var files: [File]

    /// Reads the answer of `GET /api/models/ORG/NAME/revision/REV?blobs=true`.
    ///
    /// - Throws: `KuklaError.network` where it is not such an answer; `KuklaError.badData` where a file name
    ///   could leave the folder or a size or checksum makes no sense.
    init(json: Data, from url: URL) throws(KuklaError) {
        struct Answer: Decodable {
            struct Sibling: Decodable {
                struct LFS: Decodable {
                    let sha256: String?
                    let size: Int?
                }
                let rfilename: String
                let size: Int?
                let blobId: String?
                let lfs: LFS?
            }
            let sha: String
            let siblings: [Sibling]
        }
        let answer: Answer
        do {
            answer = try JSONDecoder().decode(Answer.self, from: json)
        } catch {
            throw KuklaError(
                .network,
                "\(url) did not answer with a model's file list (JSON with 'sha' and 'siblings'); "
                    + "is the endpoint right, and is nothing between that answers in its place?", cause: error
            )
        }
        guard (7...64).contains(answer.sha.count), answer.sha.allSatisfy(\.isHexDigit) else {
            throw KuklaError(.network, "\(url) names the commit '\(answer.sha)', which is not one")
        }
        commit = answer.sha
        var seen = Set<String>()
        files = []
        for sibling in answer.siblings {
            let file = File(
                path: sibling.rfilename, size: sibling.lfs?.size ?? sibling.size,
                sha256: sibling.lfs?.sha256?.lowercased(),
                gitBlob: sibling.lfs == nil ? sibling.blobId?.lowercased() : nil)
            guard Self.isSafe(file.path) else {
                throw KuklaError(
                    .badData,
                    "\(url) lists a file named '\(file.path)', which could be written outside of the model's "
                        + "folder; nothing was fetched. Do not trust this model.")
            }
            guard seen.insert(file.path).inserted else {
                throw KuklaError(.badData, "\(url) lists the file '\(file.path)' twice; nothing was fetched")
            }
            guard (file.size ?? 0) >= 0,
                file.sha256.map({ $0.count == 64 && $0.allSatisfy(\.isHexDigit) }) ?? true
            else {
                throw KuklaError(
                    .badData,
                    "\(url) gives file '\(file.path)' an impossible size or checksum; nothing was fetched")
            }
            files.append(file)
        }
    }

    /// Whether a name stays below the folder that it is put in, on every system.
    static func isSafe(_ path: String) -> Bool {
        !path.isEmpty && path.utf8.count < 1024 && !path.contains("\\")
            && !path.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
            && path.split(separator: "/", omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count < 256 }
    }

    /// The files that running the model needs: configuration, tokenizer, and weights as safetensors.
    ///
    /// The same model in other frameworks' formats (PyTorch pickles, ONNX, OpenVINO, TensorFlow) stays there.
    ///
    /// - Throws: `KuklaError.unsupported` where there are no safetensors weights or no `config.json`.
    func neededFiles(of model: String) throws(KuklaError) -> [File] {
        let isWhole = files.contains { $0.path == "model.safetensors" }
        let needed = files.filter { file in
            if Self.rootFiles.contains(file.path) { return true }
            if !isWhole, file.path.wholeMatch(of: /model-[0-9]{5}-of-[0-9]{5}\.safetensors/) != nil {
                return true
            }
            if !isWhole, file.path == "model.safetensors.index.json" { return true }
            return file.path.wholeMatch(of: /[0-9]+_[A-Za-z0-9]+\/(config\.json|model\.safetensors)/) != nil
        }
        guard needed.contains(where: { $0.path == "config.json" }) else {
            throw KuklaError(
                .unsupported, "\(model) has no config.json, so it is no transformer model that kukla can run")
        }
        guard needed.contains(where: { $0.path.hasPrefix("model") && $0.path.hasSuffix(".safetensors") })
        else {
            throw KuklaError(
                .unsupported,
                "\(model) has no weights as safetensors (model.safetensors or shards); look for a revision or a copy "
                    + "of it that has, or convert it with transformers: save_pretrained(safe_serialization=True)"
            )
        }
        return needed
    }

    private static let rootFiles: Set<String> = [
        "config.json", "modules.json", "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt",
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "sentence_bert_config.json",
        "config_sentence_transformers.json", "model.safetensors", "README.md",
    ]
}
