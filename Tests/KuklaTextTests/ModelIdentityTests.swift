import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import KuklaText
import Testing

/// The digest of a model's folder, and what the folder says of older models.
@Suite struct ModelIdentityTests {
    let folder: TemporaryFolder
    private var model: URL { folder.url.appending(path: "tiny") }

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "tiny"))
    }

    private func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: model.appending(path: name))
    }

    /// Puts a member into `config.json`.
    private func configure(_ member: String) throws {
        let url = model.appending(path: "config.json")
        let old = try String(contentsOf: url, encoding: .utf8)
        try write(
            old.replacingOccurrences(of: "\"model_type\"", with: "\(member), \"model_type\""), "config.json")
    }

    private func digest() throws -> String { try ModelIdentity(folder: model).digest }

    @Test(
        "what changes no vector changes no digest: another place, a README, prompts, recorded sizes, older models"
    )
    func unchanged() throws {
        let identity = try ModelIdentity(folder: model)
        #expect(identity.name == "tiny" && identity.digest.count == 64 && identity.compatibleWith == [])
        #expect(try ModelIdentity(folder: model, name: "other").name == "other")
        try write("A model.", "README.md")
        try write("{\"prompts\": {\"query\": \"find: \"}}", "config_sentence_transformers.json")
        try SizeTable.record(
            [.init(ModelSize(layers: 2, dimensions: 8), quality: 0.5)], metric: "spearman",
            measuredOn: "nothing", in: model)
        try configure("\"kukla_compatible_with\": [\"\(String(repeating: "0", count: 64))\"]")
        try configure("\"transformers_version\": \"9.9\"")
        let copy = folder.url.appending(path: "copy")
        try FileManager.default.copyItem(at: model, to: copy)
        let again = try ModelIdentity(folder: copy)
        #expect(again.digest == identity.digest && again.name == "copy")
        #expect(again.compatibleWith == [String(repeating: "0", count: 64)])
    }

    @Test("what changes vectors changes the digest: weights, vocabulary, pooling, the longest text, settings")
    func changed() throws {
        var seen = [try digest()]
        func expectNew(_ what: String) throws {
            let now = try digest()
            #expect(!seen.contains(now), "\(what)")
            seen.append(now)
        }
        let weights = model.appending(path: "model.safetensors")
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 5] ^= 1
        try bytes.write(to: weights)
        try expectNew("weights")
        let vocabulary = try String(contentsOf: model.appending(path: "vocab.txt"), encoding: .utf8)
        try write(vocabulary.replacingOccurrences(of: "guitar", with: "banjo"), "vocab.txt")
        try expectNew("vocabulary")
        try write(
            "{\"word_embedding_dimension\": 16, \"pooling_mode_cls_token\": true}", "1_Pooling/config.json")
        try expectNew("pooling")
        try write("{\"max_seq_length\": 10}", "sentence_bert_config.json")
        try expectNew("length")
        try configure("\"hidden_act_note\": 1")
        try expectNew("settings")
    }

    @Test(
        "a list of older models that is none is refused by its name",
        arguments: [
            "7", "\"\(String(repeating: "0", count: 64))\"", "{\"a\": 1}", "[1]", "[null]", "[[\"a\"]]",
            "[\"../../etc/passwd\"]", "[\"\(String(repeating: "f", count: 63))\"]",
            "[\"\(String(repeating: "F", count: 64))\"]", "true",
            "["
                + Array(repeating: "\"\(String(repeating: "0", count: 64))\"", count: 300).joined(
                    separator: ",") + "]",
            "[" + Array(repeating: "\"a\"", count: 400_000).joined(separator: ",") + "]",
        ])
    func hostile(list: String) throws {
        try configure("\"kukla_compatible_with\": \(list)")
        do throws(KuklaError) {
            _ = try ModelIdentity(folder: model)
            Issue.record("\(list.prefix(80)) was taken")
        } catch {
            #expect(error.code == .badData && error.message.contains("tiny"), "\(error.message.prefix(400))")
            #expect(error.message.utf8.count < 1000)
        }
    }

    @Test("a model that is cut from one says nothing of older models")
    func exported() throws {
        try configure("\"kukla_compatible_with\": [\"\(String(repeating: "0", count: 64))\"]")
        let cut = folder.url.appending(path: "cut")
        try ModelExport(model, layers: 1).write(to: cut)
        let identity = try ModelIdentity(folder: cut)
        #expect(try identity.compatibleWith == [] && identity.digest != digest())
    }

    @Test("a folder without a model is an error")
    func missing() throws {
        let error = #expect(throws: KuklaError.self) {
            _ = try ModelIdentity(folder: folder.url.appending(path: "nothing"))
        }
        #expect(error?.code == .missingFile)
    }
}
