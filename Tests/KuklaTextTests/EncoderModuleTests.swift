import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

/// The encoder as a module that can be trained: forward against the golden vectors and against the inference path, backward
/// against central differences.
@Suite struct EncoderModuleTests {
    private func batch(_ sequences: [[Int32]]) -> TokenBatch {
        var batch = TokenBatch()
        for ids in sequences {
            batch.ids += ids
            batch.offsets.append(batch.ids.count)
        }
        return batch
    }

    private func check(
        _ key: String, layers: Int? = nil, change: (EncoderFolder) throws -> Void = { _ in }
    ) throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try change(folder)
        let module = try TextEncoderModule(folder: folder.url)
        let vectors = module(batch(golden.ids), layers: layers)
        let expected = try #require(golden.expected[key])
        #expect(vectors.shape == [expected.count, expected[0].count])
        #expect(worstDifference(vectors.matrix, expected) <= 2e-5, "\(key)")
    }

    @Test func `forward agrees with transformers whatever the pooling and activation`() throws {
        try check("mean")
        for (key, mode) in [
            ("cls", "pooling_mode_cls_token"), ("max", "pooling_mode_max_tokens"),
            ("mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens"),
        ] {
            try check(key) { try $0.write("1_Pooling/config.json", "{\"\(mode)\": true}") }
        }
        try check("mean_gelu_new") { try $0.set("config.json", "hidden_act", "gelu_new") }
        try check("mean_relu") { try $0.set("config.json", "hidden_act", "relu") }
        try check("mean_layer1", layers: 1)
        try check("mean_dense_normalized") {
            try $0.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        }
    }

    @Test func `parameters have Hugging Face's names`() throws {
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try folder.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        let paths = Set(try TextEncoderModule(folder: folder.url).parameters.map(\.path))
        for path in [
            "embeddings.word_embeddings.weight", "embeddings.LayerNorm.bias",
            "encoder.layer.0.attention.self.query.weight",
            "encoder.layer.1.attention.output.LayerNorm.weight",
            "encoder.layer.1.intermediate.dense.bias", "encoder.layer.1.output.dense.weight",
            "dense.0.linear.weight",
        ] { #expect(paths.contains(path), "\(path)") }
        #expect(paths.count == 5 + 2 * 16 + 2)
    }

    @Test(arguments: ["pooling_mode_mean_tokens", "pooling_mode_cls_token", "pooling_mode_max_tokens"])
    func `gradients of parameters agree with central differences`(_ pooling: String) throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        try folder.write("1_Pooling/config.json", "{\"\(pooling)\": true}")
        try folder.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        let module = try TextEncoderModule(folder: folder.url)
        let texts = batch(Array(golden.ids.prefix(3)))
        var random = RandomSource(seed: 4)
        let weights = Tensor.normal(module(texts).shape, using: &random)
        func value() -> Double {
            zip(module(texts).elements, weights.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let gradients = module(texts).gradients(seed: weights)
        for path in [
            "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
            "embeddings.token_type_embeddings.weight", "encoder.layer.0.attention.self.query.weight",
            "encoder.layer.0.attention.output.LayerNorm.weight", "encoder.layer.1.output.dense.bias",
            "dense.0.linear.weight",
        ] {
            let parameter = try #require(module.parameters.first { $0.path == path }).parameter
            let gradient = try #require(gradients[parameter], "\(path)").dense
            let start = parameter.value
            let direction = Tensor.normal(start.shape, using: &random)
            let analytic = zip(gradient.elements, direction.elements).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
            func along(_ step: Float) -> Double {
                defer { parameter.value = start }
                parameter.value = start + direction * step
                let up = value()
                parameter.value = start - direction * step
                return (up - value()) / (2 * Double(step))
            }
            let numeric = (4 * along(0.001) - along(0.002)) / 3
            let scale = gradient.elements.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(
                abs(analytic - numeric) < 0.02 * max(scale, abs(numeric)), "\(path): \(analytic) \(numeric)")
        }
    }

    @Test func `dropout acts in training only, and its rates come from the configuration`() throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        let texts = batch(golden.ids)
        let module = try TextEncoderModule(folder: folder.url)
        let plain = module(texts).elements
        let first = module(texts, mode: .training(RandomStream(seed: 1))).elements
        #expect(first != plain)
        #expect(first == module(texts, mode: .training(RandomStream(seed: 1))).elements)
        #expect(first != module(texts, mode: .training(RandomStream(seed: 2))).elements)
        try folder.set("config.json", "hidden_dropout_prob", 0)
        try folder.set("config.json", "attention_probs_dropout_prob", 0)
        let still = try TextEncoderModule(folder: folder.url)
        #expect(still(texts, mode: .training(RandomStream(seed: 1))).elements == plain)
    }

    @Test func `pooling of sequences has exact gradients`() {
        let lengths = SequenceLengths([2, 1, 3])
        let cases = [
            GradientCase("sum") {
                [Tensor.normal([6, 4], using: &$0)]
            } function: {
                $0[0].pooledSum(lengths) { 1 / Float($0) }
            },
            GradientCase("maximum", step: 1e-3) {
                [Tensor.normal([6, 4], using: &$0)]
            } function: {
                $0[0].pooledMaximum(lengths)
            },
        ]
        for gradientCase in cases {
            for seed in 1...4 {
                let outcome = gradientCase.check(seed: UInt64(seed))
                #expect(outcome.isClose, "\(gradientCase): \(outcome)")
            }
        }
    }
}

@Suite struct RealEncoderModuleTests {
    static let texts = [
        "A girl is styling her hair.", "hello",
        "The quick brown fox jumps over the lazy dog, twice; then rests.",
        "", "naïve café ☕ 東京 " + String(repeating: "long text ", count: 120),
    ]

    @Test(.enabled(if: SharedData.model != nil, "needs the real model: make model"))
    func `the real MiniLM gives the vectors of the inference path`() throws {
        let folder = try #require(SharedData.model)
        let tokenizer = try WordPieceTokenizer(folder: folder)
        let module = try TextEncoderModule(folder: folder)
        let model = try EmbeddingModel(folder: folder)
        let ours = module.embed(Self.texts, tokenizer: tokenizer)
        let expected = try model.embed(Self.texts).vectors
        #expect(zip(ours.elements, expected.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        let early = withoutGradient { module(tokenizer.encode(Self.texts, maxLength: 64), layers: 3) }
        let tokens = tokenizer.encode(Self.texts, maxLength: 64)
        let half = try model.encoder.encode(ids: tokens.ids, offsets: tokens.offsets, layers: 3)
        #expect(zip(early.elements, half.elements).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test(.enabled(if: SharedData.model != nil, "needs the real model: make model"))
    func `a folder that was written is loaded again and gives the same vectors`() throws {
        let source = try #require(SharedData.model)
        let parent = FileManager.default.temporaryDirectory.appending(
            path: "kukla-saved-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: parent) }
        let module = try TextEncoderModule(folder: source)
        // Another model than the one in the folder: one norm is scaled.
        let norm = try #require(
            module.parameters.first { $0.path == "encoder.layer.5.output.LayerNorm.weight" })
        norm.parameter.value = norm.parameter.value * Tensor.range(384, from: 0.5, step: 0.002)
        let target = parent.appending(path: "tuned")
        try module.write(
            to: target,
            card: ModelCard(
                base: "base", objective: "A test.", examples: 3, steps: 2, metrics: ["spearman": 0.5]),
            maximumLength: 32)
        let saved = try EmbeddingModel(folder: target)
        #expect(saved.encoder.maximumLength == 32)
        let found = try saved.embed(Self.texts).vectors
        let expected = module.embed(Self.texts, tokenizer: saved.tokenizer, maximumLength: 32)
        #expect(zip(found.elements, expected.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        let original = try EmbeddingModel(folder: source).embed(Self.texts).vectors
        #expect(!zip(found.elements, original.elements).allSatisfy { abs($0 - $1) < 1e-2 })
        let card = try String(contentsOf: target.appending(path: "README.md"), encoding: .utf8)
        #expect(card.contains("| spearman | 0.5000 |"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path) == ["tuned"])
    }
}
