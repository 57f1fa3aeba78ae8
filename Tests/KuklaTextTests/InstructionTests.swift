import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

/// Models that read instructions: masks, poolings that leave a prompt out, and the folders that say so.
@Suite struct InstructionTests {
    /// A folder for one test with a new model, whose weights are spread so that every part matters.
    final class Fixture {
        let folder: URL
        let tokenizer: WordPieceTokenizer
        static let texts = [
            "ab cd efg", "a", "the cat sat on the mat, and the dog ran far away over the old wall", "",
            "de de ba",
        ]
        static let prompt = InstructionTemplate.standard.prompt("cab a bad cafe")

        init(mask: AttentionMask) throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "kukla-instruct-\(UUID())")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let characters = "abcdefghijklmnopqrstuvwxyz:,".map { String($0) }
            let vocabulary =
                ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + characters.map { "##" + $0 }
                + ["the", "cat", "query", "instruct"]
            let start = folder.appending(path: "start")
            var new = NewEncoder(layers: 2, width: 24, heads: 3, maximumLength: 48, poolsFirstToken: false)
            (new.mask, new.dropout, new.normalizes) = (mask, 0, false)
            try new.write(to: start, vocabulary: vocabulary, seed: 5)
            let module = try TextEncoderModule(folder: start)
            var random = RandomSource(seed: 7)
            for named in module.parameters where !named.path.contains("LayerNorm") {
                named.parameter.value = .normal(named.parameter.shape, deviation: 0.3, using: &random)
            }
            let base = folder.appending(path: "base")
            try module.write(to: base, card: Self.card)
            tokenizer = try WordPieceTokenizer(folder: base)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        static let card = ModelCard(base: "nothing", objective: "None.", examples: 0, steps: 0)
        func url(_ name: String) -> URL { folder.appending(path: name) }

        /// The base with another pooling and mask, whose own numbers are spread.
        func module(_ pooling: String, _ mask: AttentionMask) throws -> TextEncoderModule {
            let module = try TextEncoderModule(
                folder: url("base"), pooling: TextPooling(parsing: pooling), mask: mask, seed: 3)
            var random = RandomSource(seed: 11)
            for named in module.parameters where named.path.hasPrefix("pooling.") {
                let isNorm = named.path.contains("norm") && named.path.hasSuffix("weight")
                named.parameter.value =
                    Tensor.normal(named.parameter.shape, deviation: 0.3, using: &random) + (isNorm ? 1 : 0)
            }
            return module
        }
    }

    @Test func `a template without its places is refused, and an empty task has no prompt`() throws {
        #expect(InstructionTemplate.standard.prompt("find it") == "Instruct: find it\nQuery: ")
        #expect(InstructionTemplate.standard.prompt("") == "")
        #expect(try InstructionTemplate("{task}: \\n{text}").prompt("x") == "x: \n")
        for bad in ["Instruct: {task}", "Query: {text}", "{task} {task} {text}", "{text} {task}", ""] {
            #expect(throws: KuklaError.self) { try InstructionTemplate(bad) }
        }
    }

    @Test func `poolings are read as they are printed, and others refused`() throws {
        for text in ["mean", "last", "latent:512x8", "latent:4x2x16"] {
            #expect(try TextPooling(parsing: text).description == text)
        }
        for bad in [
            "", "median", "latent", "latent:512", "latent:0x8", "latent:4xx", "latent:4x2x1x1", "mean:3",
        ] {
            #expect(throws: KuklaError.self, "\(bad)") { try TextPooling(parsing: bad) }
        }
    }

    @Test(
        arguments: [
            ("mean", AttentionMask.causal), ("mean", .bidirectional), ("last", .causal),
            ("last", .bidirectional),
            ("latent:7x2", .bidirectional), ("latent:16x3x5", .causal),
        ])
    func `the folder embeds as the module that wrote it, with an instruction and without`(
        _ pooling: String, _ mask: AttentionMask
    ) throws {
        let fixture = try Fixture(mask: .causal)
        let module = try fixture.module(pooling, mask)
        let table = PromptTable(prompts: ["find": Fixture.prompt])
        try module.write(to: fixture.url("out"), card: Fixture.card, prompts: table)
        let model = try EmbeddingModel(folder: fixture.url("out"))
        let again = try TextEncoderModule(folder: fixture.url("out"))
        #expect(model.prompts == table && again.mask == mask)
        for prompt in ["", model.prompts.prompt(for: "find")] {
            let expected = module.embed(Fixture.texts, prompt: { _ in prompt }, tokenizer: fixture.tokenizer)
            let found = try model.embed(Fixture.texts, prompt: prompt, threads: 2).vectors
            #expect(worstDifference(found, (0..<expected.rows).map(expected.row)) < 2e-5)
            let reloaded = again.embed(Fixture.texts, prompt: { _ in prompt }, tokenizer: fixture.tokenizer)
            #expect(reloaded == expected)
        }
        // Training may go on from the folder with what it has learned.
        let further = try TextEncoderModule(
            folder: fixture.url("out"), pooling: TextPooling(parsing: pooling), seed: 9)
        #expect(
            further.embed(Fixture.texts, tokenizer: fixture.tokenizer)
                == module.embed(Fixture.texts, tokenizer: fixture.tokenizer))
        // A model cut to one layer keeps its pooling.
        try ModelExport(fixture.url("out"), layers: 1).write(to: fixture.url("cut"))
        let whole = try model.embed(Fixture.texts, prompt: Fixture.prompt, layers: 1).vectors
        let cut = try EmbeddingModel(folder: fixture.url("cut")).embed(Fixture.texts, prompt: Fixture.prompt)
        #expect(whole == cut.vectors)
    }

    @Test func `an instruction is attended to and not pooled`() throws {
        let fixture = try Fixture(mask: .bidirectional)
        let module = try fixture.module("mean", .bidirectional)
        func vector(_ prompt: String, pooled: Bool = false) -> [Float] {
            var batch = fixture.tokenizer.encode(["ab cd"], prompts: [prompt])
            if pooled { batch.promptLengths = [] }
            return module(batch).elements
        }
        func difference(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map { abs($0 - $1) }.max() ?? 0 }
        #expect(vector("") == module(fixture.tokenizer.encode(["ab cd"])).elements)
        #expect(difference(vector(Fixture.prompt), vector("")) > 0.01)
        #expect(difference(vector(Fixture.prompt), vector(Fixture.prompt, pooled: true)) > 0.01)
        // By hand: the mean of the states behind the prompt.
        let batch = fixture.tokenizer.encode(["ab cd"], prompts: [Fixture.prompt])
        let states = module.tokenVectors(batch)[rows: batch.promptLengths[0]..<batch.ids.count]
        #expect(difference(vector(Fixture.prompt), states.mean(axes: [0]).elements) < 1e-5)
        #expect(batch.promptLengths[0] == fixture.tokenizer.encode(Fixture.prompt).ids.count - 1)
    }

    @Test func `prompts stay with their texts when batches are joined and picked`() throws {
        let fixture = try Fixture(mask: .bidirectional)
        let plain = fixture.tokenizer.encode(["a", "b c"])
        let asked = fixture.tokenizer.encode(["cab", "a"], prompts: ["ab ", ""])
        let joined = TokenBatch.joined([plain, asked])
        #expect(joined.promptLengths == [0, 0, asked.promptLengths[0], 0] && asked.promptLengths[0] == 3)
        #expect(joined.selecting([2, 0]).promptLengths == [3, 0])
        // A prompt that fills all but leaves the last token to the text.
        let cut = fixture.tokenizer.encode(["a"], prompts: ["abcdefgh "], maxLength: 5)
        #expect(cut.promptLengths == [4])
        let model = try EmbeddingModel(folder: fixture.url("base"))
        #expect(throws: KuklaError.self) {
            try model.embed(["a"], prompt: String(repeating: "a ", count: 60))
        }
    }

    @Test func `a causal state does not change with what comes after it, a bidirectional one does`() throws {
        let fixture = try Fixture(mask: .causal)
        let (first, second) = (fixture.tokenizer.encode(["ab cd ef"]), fixture.tokenizer.encode(["ab cd gh"]))
        let shared = zip(first.ids, second.ids).prefix { $0.0 == $0.1 }.count
        for mask in AttentionMask.allCases {
            let module = try fixture.module("mean", mask)
            let states = [first, second].map { module.tokenVectors($0)[rows: 0..<shared].elements }
            let change = zip(states[0], states[1]).map { abs($0 - $1) }.max() ?? 0
            #expect(mask == .causal ? change < 1e-6 : change > 0.01, "\(mask): \(change)")
        }
    }

    @Test func `latent attention begins as nothing, and with equal latents adds the same to every token`()
        throws
    {
        var random = RandomSource(seed: 2)
        let shape = try LatentAttentionShape(latents: 6, heads: 2)
        let pooling = LatentAttentionPooling(shape, width: 8, using: &random)
        let tokens = Tensor.normal([5, 8], using: &random)
        #expect(pooling(tokens).elements == tokens.elements)
        for named in pooling.parameters where !named.path.contains("norm") {
            named.parameter.value = .normal(named.parameter.shape, using: &random)
        }
        func spread() -> Float {
            let rows = pooling.attended(tokens).matrix
            return (1..<5).flatMap { row in zip(rows.row(row), rows.row(0)).map { abs($0 - $1) } }.max() ?? 0
        }
        #expect(spread() > 0.1)
        let latents = try #require(pooling.parameters.first { $0.path == "latents" }).parameter
        latents.value = latents.value[rows: 0..<1].broadcast(to: latents.shape)
        #expect(spread() < 1e-5)
        // Tokens are the queries: one of them alone gets what it gets among others.
        let alone = pooling(tokens[rows: 2..<3]).elements
        #expect(zip(alone, pooling(tokens)[rows: 2..<3].elements).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test func `gradients of latent pooling agree with central differences`() throws {
        let fixture = try Fixture(mask: .causal)
        let module = try fixture.module("latent:5x2x4", .bidirectional)
        let batch = fixture.tokenizer.encode(["ab cd", "a cat"], prompts: ["ab: ", ""])
        var random = RandomSource(seed: 4)
        let weights = Tensor.normal([2, 24], using: &random)
        func value() -> Double {
            zip(module(batch).elements, weights.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let gradients = module(batch).gradients(seed: weights)
        for named in module.parameters where named.path.hasPrefix("pooling.") {
            let gradient = try #require(gradients[named.parameter], "\(named.path)").dense
            let start = named.parameter.value
            let direction = Tensor.normal(start.shape, using: &random)
            let analytic = zip(gradient.elements, direction.elements).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
            func along(_ step: Float) -> Double {
                defer { named.parameter.value = start }
                named.parameter.value = start + direction * step
                let up = value()
                named.parameter.value = start - direction * step
                return (up - value()) / (2 * Double(step))
            }
            let numeric = (4 * along(0.001) - along(0.002)) / 3
            let scale = gradient.elements.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(
                abs(analytic - numeric) < 0.02 * max(scale, abs(numeric), 0.01),
                "\(named.path): \(analytic) \(numeric)")
        }
    }

    @Test func `damaged folders with latent pooling are refused`() throws {
        let fixture = try Fixture(mask: .causal)
        try fixture.module("latent:5x2", .bidirectional).write(to: fixture.url("out"), card: Fixture.card)
        let file = fixture.url("out").appending(path: "1_LatentAttentionPooling/config.json")
        let good = try String(contentsOf: file, encoding: .utf8)
        for (from, to) in [
            ("\"latents\": 5", "\"latents\": 4"), ("\"heads\": 2", "\"heads\": 0"),
            ("\"heads\": 2", "\"heads\": 1000000"), ("\"latents\"", "\"l\""),
        ] {
            try good.replacing(from, with: to).write(to: file, atomically: true, encoding: .utf8)
            #expect(throws: KuklaError.self, "\(to)") { try EmbeddingModel(folder: fixture.url("out")) }
            #expect(throws: KuklaError.self, "\(to)") { try TextEncoderModule(folder: fixture.url("out")) }
        }
    }
}
