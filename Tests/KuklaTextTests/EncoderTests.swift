import Foundation
import KuklaNumerics
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct EncoderTests {
    private func check(
        _ key: String, level: CPULevel = .current, layers: Int? = nil,
        change: (EncoderFolder) throws -> Void = { _ in }
    ) throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try change(folder)
        let encoder = try TextEncoder(folder: folder.url, precision: .float32, level: level)
        let (ids, offsets) = flattened(golden.ids)
        let vectors = try encoder.encode(ids: ids, offsets: offsets, layers: layers)
        let expected = try #require(golden.expected[key])
        #expect(vectors.rows == expected.count && vectors.columns == expected[0].count)
        #expect(encoder.dimensions == expected[0].count)
        let worst = worstDifference(vectors, expected)
        #expect(worst <= 2e-5, "\(key) at \(level): \(worst)")
    }

    @Test(arguments: CPULevel.available)
    func `mean pooling agrees with transformers at every level`(_ level: CPULevel) throws {
        try check("mean", level: level)
    }

    @Test(arguments: [
        ("cls", "pooling_mode_cls_token"), ("max", "pooling_mode_max_tokens"),
        ("mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens"),
    ])
    func `other poolings agree with torch`(_ key: String, _ mode: String) throws {
        try check(key) { try $0.write("1_Pooling/config.json", "{\"\(mode)\": true}") }
    }

    @Test func `several poolings are concatenated in the order of sentence-transformers`() throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try folder.write(
            "1_Pooling/config.json",
            #"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}"#
        )
        let encoder = try TextEncoder(folder: folder.url)
        let (ids, offsets) = flattened(golden.ids)
        let expected = golden.ids.indices.map {
            golden.expected["cls"]![$0] + golden.expected["max"]![$0] + golden.expected["mean"]![$0]
        }
        #expect(encoder.dimensions == 108)
        #expect(worstDifference(try encoder.encode(ids: ids, offsets: offsets), expected) <= 2e-5)
    }

    @Test func `activations named by the configuration are used`() throws {
        try check("mean_gelu_new") { try $0.set("config.json", "hidden_act", "gelu_new") }
        try check("mean_relu") { try $0.set("config.json", "hidden_act", "relu") }
    }

    @Test func `fewer layers give the hidden states of that layer`() throws {
        try check("mean_layer1", layers: 1)
        try check("mean", layers: 2)
    }

    @Test func `a dense layer and normalisation follow the pooling`() throws {
        try check("mean_dense_normalized") {
            try $0.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        }
    }

    @Test func `half-precision weights give nearly the same vectors, with and without the prefix`() throws {
        let golden = try TinyGolden.load()
        let (ids, offsets) = flattened(golden.ids)
        for (type, tolerance) in [("F16", Float(0.02)), ("BF16", 0.15), ("F32", 2e-5)] {
            let folder = try EncoderFolder()
            defer { folder.remove() }
            try converted(try folder.read("model.safetensors"), to: type)
                .write(to: folder.url.appending(path: "model.safetensors"))
            let vectors = try TextEncoder(folder: folder.url).encode(ids: ids, offsets: offsets)
            let worst = worstDifference(vectors, golden.expected["mean"]!)
            #expect(worst <= tolerance && (type == "F32" || worst > 0), "\(type): \(worst)")
        }
    }

    @Test(arguments: CPULevel.available)
    func `8 bits point the same way`(_ level: CPULevel) throws {
        let golden = try TinyGolden.load()
        let (ids, offsets) = flattened(golden.ids)
        let folder = EncoderFolder.golden.appending(path: "tiny-bert")
        let encoder = try TextEncoder(folder: folder, precision: .int8, level: level)
        let vectors = try encoder.encode(ids: ids, offsets: offsets)
        for (row, expected) in golden.expected["mean"]!.enumerated() {
            #expect(cosine(vectors.row(row), expected) > 0.995)
        }
        let portable = try TextEncoder(folder: folder, precision: .int8, level: .portable)
            .encode(ids: ids, offsets: offsets)
        for row in 0..<vectors.rows { #expect(cosine(vectors.row(row), portable.row(row)) > 0.9995) }
    }

    @Test(arguments: TextEncoder.Precision.allCases)
    func `a vector is the same bits whatever surrounds it`(_ precision: TextEncoder.Precision) throws {
        var random = RandomSource(seed: 8)
        let sequences = (0..<200).map { _ in
            (0..<Int.random(in: 1...40, using: &random)).map { _ in Int32.random(in: 0..<100, using: &random)
            }
        }
        let encoder = try TextEncoder(
            folder: EncoderFolder.golden.appending(path: "tiny-bert"), precision: precision)
        let (ids, offsets) = flattened(sequences)
        let one = try encoder.encode(ids: ids, offsets: offsets, threads: 1)
        #expect(try encoder.encode(ids: ids, offsets: offsets, threads: 2) == one)
        let (backIDs, backOffsets) = flattened(sequences.reversed())
        let back = try encoder.encode(ids: backIDs, offsets: backOffsets)
        for row in 0..<200 { #expect(back.row(199 - row) == one.row(row)) }
        for row in stride(from: 0, to: 200, by: 17) {
            let alone = try encoder.encode(ids: sequences[row], offsets: [0, sequences[row].count])
            #expect(alone.row(0) == one.row(row))
        }
    }

    @Test func `no sequences give no rows`() throws {
        let encoder = try TextEncoder(folder: EncoderFolder.golden.appending(path: "tiny-bert"))
        let empty = try encoder.encode(ids: [], offsets: [0])
        #expect(empty.rows == 0 && empty.columns == 36)
        #expect(encoder.maximumLength == 32 && encoder.layerCount == 2)
    }

    @Test(.enabled(if: SharedData.model != nil))
    func `MiniLM's vectors equal sentence-transformers' within 1e-5`() throws {
        struct Golden: Decodable {
            var texts: [String]
            var ids: [[Int32]]
        }
        let golden = try JSONDecoder().decode(
            Golden.self, from: try Data(contentsOf: EncoderFolder.golden.appending(path: "minilm.json")))
        let expected = try Data(contentsOf: EncoderFolder.golden.appending(path: "minilm.f32"))
            .withUnsafeBytes {
                Array($0.bindMemory(to: Float.self))
            }
        let (ids, offsets) = flattened(golden.ids)
        let folder = try #require(SharedData.model)
        let exact = try TextEncoder(folder: folder)
        #expect(exact.dimensions == 384 && exact.maximumLength == 256)
        let vectors = try exact.encode(ids: ids, offsets: offsets)
        #expect(expected.count == vectors.rows * 384)
        #expect(worstDifference(vectors, [expected]) <= 1e-5)
        // From the texts themselves, on the way that users take.
        #expect(try EmbeddingModel(folder: folder).embed(golden.texts).vectors == vectors)
        let quantized = try TextEncoder(folder: folder, precision: .int8).encode(ids: ids, offsets: offsets)
        let cosines = (0..<vectors.rows).map { cosine(vectors.row($0), quantized.row($0)) }
        #expect(cosines.reduce(0, +) / Float(cosines.count) >= 0.995 && cosines.min()! > 0.99)
    }
}

func cosine(_ a: [Float], _ b: [Float]) -> Float {
    var dot = 0.0, aa = 0.0, bb = 0.0
    for (x, y) in zip(a, b) {
        dot += Double(x) * Double(y)
        aa += Double(x) * Double(x)
        bb += Double(y) * Double(y)
    }
    return Float(dot / (aa * bb).squareRoot())
}

/// A safetensors file with every F32 tensor converted to `type` and the "bert." prefix taken off.
private func converted(_ file: Data, to type: String) throws -> Data {
    let length = Int(file.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    let header = try JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any] ?? [:]
    var out: [String: Any] = [:]
    var body = Data()
    for (name, value) in header {
        guard let entry = value as? [String: Any], let offsets = entry["data_offsets"] as? [Int] else {
            continue
        }
        let start = body.count
        for at in stride(from: 8 + length + offsets[0], to: 8 + length + offsets[1], by: 4) {
            let bits = file.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
            switch type {
            case "F16":
                withUnsafeBytes(of: Float16(Float(bitPattern: bits)).bitPattern) {
                    body.append(contentsOf: $0)
                }
            case "BF16": withUnsafeBytes(of: UInt16(bits >> 16)) { body.append(contentsOf: $0) }
            default: withUnsafeBytes(of: bits) { body.append(contentsOf: $0) }
            }
        }
        let short = name.hasPrefix("bert.") ? String(name.dropFirst(5)) : name
        out[short] = ["dtype": type, "shape": entry["shape"]!, "data_offsets": [start, body.count]]
    }
    var json = try JSONSerialization.data(withJSONObject: out)
    while json.count % 8 != 0 { json.append(32) }
    var result = withUnsafeBytes(of: UInt64(json.count)) { Data($0) }
    result.append(json)
    result.append(body)
    return result
}
