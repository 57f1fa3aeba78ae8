import Foundation
import KuklaNumerics
import KuklaText
import Testing

/// Damaged and absurd model folders throw `KuklaError`; none of them crashes.
@Suite struct EncoderHostileTests {
    private func error(_ change: (EncoderFolder) throws -> Void) throws -> KuklaError? {
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try change(folder)
        do throws(KuklaError) {
            _ = try TextEncoder(folder: folder.url)
            return nil
        } catch { return error }
    }

    @Test func `a missing file is named`() throws {
        for path in ["modules.json", "config.json", "1_Pooling/config.json", "model.safetensors"] {
            let found = try #require(
                try error { try FileManager.default.removeItem(at: $0.url.appending(path: path)) })
            #expect(found.code == .missingFile && found.message.contains(path))
        }
        #expect(throws: KuklaError.self) { try TextEncoder(folder: URL(fileURLWithPath: "/nowhere/at/all")) }
    }

    @Test func `other architectures are unsupported`() throws {
        for (key, value) in [
            ("model_type", "mpnet" as Any), ("hidden_act", "swish"),
            ("position_embedding_type", "relative_key"),
        ] {
            let found = try #require(try error { try $0.set("config.json", key, value) })
            #expect(found.code == .unsupported && found.message.contains(key))
        }
        for modules in [[("2_Sparse", "SparseAutoEncoder")], [("2_N", "Normalize"), ("2_Dense", "Dense")]] {
            #expect(try error { try $0.setModules(modules) }?.code == .unsupported)
        }
        #expect(
            try error { try $0.set("1_Pooling/config.json", "pooling_mode_weightedmean_tokens", true) }?.code
                == .unsupported)
        #expect(try error { try $0.write("modules.json", "[]") }?.code == .unsupported)
    }

    @Test func `absurd numbers in a configuration are refused`() throws {
        for key in [
            "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "max_position_embeddings", "vocab_size", "type_vocab_size",
        ] {
            for value in [0 as Any, -1, 1 << 62, 1e300, 1.5, "many", NSNull()] {
                // `type_vocab_size` may be absent.
                if key == "type_vocab_size", value is NSNull { continue }
                let found = try error { try $0.set("config.json", key, value) }
                #expect(found?.code == .badData, "\(key) = \(value)")
            }
        }
        #expect(try error { try $0.set("config.json", "num_attention_heads", 5) }?.code == .badData)
        #expect(try error { try $0.set("config.json", "layer_norm_eps", -1) }?.code == .badData)
        #expect(try error { try $0.set("sentence_bert_config.json", "max_seq_length", 0) }?.code == .badData)
        #expect(try error { try $0.write("1_Pooling/config.json", "{}") }?.code == .badData)
        #expect(try error { try $0.setModules([("../2_Dense", "Dense")]) }?.code == .badData)
        #expect(
            try error {
                try $0.setModules([("2_Dense", "Dense")])
                try $0.set("2_Dense/config.json", "in_features", 35)
            }?.code == .badData)
    }

    @Test func `a tensor of another shape is named with both shapes`() throws {
        let found = try #require(try error { try $0.set("config.json", "intermediate_size", 44) })
        #expect(found.code == .badData)
        #expect(found.message.contains("bert.encoder.layer.0.intermediate.dense.weight"))
        #expect(found.message.contains("[42, 36]") && found.message.contains("[44, 36]"))
        let missing = try #require(try error { try $0.set("config.json", "num_hidden_layers", 3) })
        #expect(missing.code == .badData && missing.message.contains("encoder.layer.2"))
    }

    @Test func `a JSON file cut anywhere throws`() throws {
        for path in ["modules.json", "config.json", "1_Pooling/config.json"] {
            let folder = try EncoderFolder()
            defer { folder.remove() }
            let whole = try folder.read(path)
            for length in 0..<whole.count - 1 {
                try whole.prefix(length).write(to: folder.url.appending(path: path))
                #expect(throws: KuklaError.self) { try TextEncoder(folder: folder.url) }
            }
        }
    }

    @Test func `weights cut anywhere throw`() throws {
        let folder = try EncoderFolder()
        defer { folder.remove() }
        let whole = try folder.read("model.safetensors")
        let header = Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let lengths =
            Array(0..<64) + stride(from: 64, to: header + 8, by: 97)
            + stride(from: header + 8, to: whole.count, by: 4099)
        for length in lengths + [whole.count - 1] {
            try whole.prefix(length).write(to: folder.url.appending(path: "model.safetensors"))
            #expect(throws: KuklaError.self) { try TextEncoder(folder: folder.url) }
        }
    }

    @Test func `flipped bits in the header throw or still give a model`() throws {
        let folder = try EncoderFolder()
        defer { folder.remove() }
        let whole = try folder.read("model.safetensors")
        let header = Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        var random = RandomSource(seed: 9)
        var refused = 0
        for _ in 0..<300 {
            var damaged = whole
            damaged[Int.random(in: 0..<header + 8, using: &random)] ^=
                1 << UInt8.random(in: 0..<8, using: &random)
            try damaged.write(to: folder.url.appending(path: "model.safetensors"))
            do throws(KuklaError) {
                let encoder = try TextEncoder(folder: folder.url)
                _ = try encoder.encode(ids: [1, 2, 3], offsets: [0, 3])
            } catch { refused += 1 }
        }
        #expect(refused > 200)
    }

    @Test func `weights that are not numbers are reported, not returned`() throws {
        let folder = try EncoderFolder()
        defer { folder.remove() }
        var file = try folder.read("model.safetensors")
        let header = Int(file.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let damaged = folder.url.appending(path: "model.safetensors")
        file[file.count - 1] = 0x7F  // a value of the last tensor
        file[file.count - 2] = 0xC0
        try file.write(to: damaged)
        #expect(throws: KuklaError.self) { try TextEncoder(folder: folder.url) }
        // Word embeddings are read where they lie, so their faults are found when a text meets them.
        let json = try JSONSerialization.jsonObject(with: file[8..<8 + header]) as? [String: Any]
        let words = json?["bert.embeddings.word_embeddings.weight"] as? [String: Any]
        let start = try #require((words?["data_offsets"] as? [Int])?.first) + 8 + header
        file = try Data(contentsOf: EncoderFolder.golden.appending(path: "tiny-bert/model.safetensors"))
        file[start + 36 * 4 + 2] = 0xC0  // word 1, component 0
        file[start + 36 * 4 + 3] = 0x7F
        try file.write(to: damaged)
        for precision in TextEncoder.Precision.allCases {
            for level in CPULevel.available {
                let encoder = try TextEncoder(folder: folder.url, precision: precision, level: level)
                _ = try encoder.encode(ids: [0, 2, 3], offsets: [0, 3])
                #expect(throws: KuklaError.self) { try encoder.encode(ids: [0, 1, 3], offsets: [0, 3]) }
            }
        }
    }

    @Test func `bad tokens throw`() throws {
        let encoder = try TextEncoder(folder: EncoderFolder.golden.appending(path: "tiny-bert"))
        #expect(throws: KuklaError.self) { try encoder.encode(ids: [1, 100], offsets: [0, 2]) }
        #expect(throws: KuklaError.self) { try encoder.encode(ids: [1, -1], offsets: [0, 2]) }
        #expect(throws: KuklaError.self) { try encoder.encode(ids: [1], offsets: [0, 0, 1]) }
        #expect(throws: KuklaError.self) {
            try encoder.encode(ids: [Int32](repeating: 1, count: 41), offsets: [0, 41])
        }
    }
}
