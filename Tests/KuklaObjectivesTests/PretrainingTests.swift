import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

/// A tokenizer of a few pieces, and new encoders that have it.
private struct SmallWorld {
    static let vocabulary =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        + "abcdefghijklmnopqrstuvwxyz".flatMap { ["\($0)", "##\($0)"] }
        + ["the", "cat", "sat", "dog", "##ing", "##ed", "walk", "jump", "on", "mat"]
    let folder: URL
    let tokenizer: WordPieceTokenizer
    let masking: WordMasking

    init() throws {
        let root = FileManager.default.temporaryDirectory.appending(
            path: "kukla-pretrain-\(UUID().uuidString)")
        let words = root.appending(path: "words")
        try FileManager.default.createDirectory(at: words, withIntermediateDirectories: true)
        try Data((Self.vocabulary.joined(separator: "\n") + "\n").utf8).write(
            to: words.appending(path: "vocab.txt"))
        folder = root.appending(path: "model")
        try NewEncoder(layers: 2, width: 16, heads: 2, maximumLength: 32, poolsFirstToken: true).write(
            to: folder, tokenizerOf: words, seed: 3)
        tokenizer = try WordPieceTokenizer(folder: folder)
        masking = try WordMasking(tokenizer)
    }

    func remove() { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }

    static let sentences = [
        "the cat walked on the mat", "the dog jumped", "a walking cat sat on a dog",
        "jumping on the jumping mat",
        "the cat sat on the mat and the dog sat on the cat", "walk the dog", "cat dog mat",
        "on and on walked the cat",
    ]

    func texts() -> TokenBatch { tokenizer.encode(Self.sentences, maxLength: 32) }
    func model() throws -> PretrainingModel {
        try PretrainingModel(folder: folder, dropout: .init(hidden: 0, attention: 0), seed: 5)
    }
}

@Suite struct WordMaskingTests {
    @Test func `words are hidden whole, special tokens never, and no more than the rate says`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let ids = world.tokenizer.encode("the walking zebra sat").ids[...]
        let words = world.masking.words(of: ids)
        // [CLS] the walk ##ing z ##e ##b ##r ##a sat [SEP]
        #expect(words == [1..<2, 2..<4, 4..<9, 9..<10])
        var random = RandomSource(seed: 1)
        var seen = Set<[Bool]>()
        for _ in 0..<200 {
            let mask = WordMasking.mask(words, of: ids.count, rate: 0.5, using: &random)
            seen.insert(mask)
            #expect(!mask[0] && !mask[10])
            for word in words { #expect(Set(mask[word]).count == 1) }
            #expect((1...5).contains(mask.count { $0 }))
        }
        // The five pieces of zebra, or the three other words.
        #expect(seen.count == 2)
        #expect(!WordMasking.mask(words, of: 11, rate: 0, using: &random).contains(true))
        #expect(WordMasking.mask(words, of: 11, rate: 1, using: &random).count { $0 } == 9)
        let one = WordMasking.mask(words, of: 11, rate: 0.01, using: &random)
        #expect(one.count { $0 } == 1)
    }

    @Test func `what the encoder does not see the decoder does not see either`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let ids = world.tokenizer.encode(SmallWorld.sentences[4]).ids[...]
        let words = world.masking.words(of: ids)
        var random = RandomSource(seed: 2)
        for _ in 0..<200 {
            let inner = WordMasking.mask(words, of: ids.count, rate: 0.2, using: &random)
            let outer = WordMasking.mask(
                words, of: ids.count, rate: 0.4, including: inner, using: &random)
            #expect(zip(inner, outer).allSatisfy { !$0 || $1 })
            #expect(outer.count { $0 } > inner.count { $0 })
        }
    }

    @Test func `a smaller vocabulary still makes every word`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let kept = world.tokenizer.vocabulary(of: SmallWorld.sentences, count: 44)
        #expect(kept.prefix(5) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        #expect(kept.count == 44 && kept.contains("the") && kept.contains("cat"))
        let folder = world.folder.deletingLastPathComponent().appending(path: "small")
        try NewEncoder(layers: 1, width: 8, heads: 2, maximumLength: 32, poolsFirstToken: false).write(
            to: folder, tokenizerOf: world.folder, vocabulary: kept, seed: 1)
        let model = try EmbeddingModel(folder: folder)
        #expect(model.tokenizer.vocabularySize == 44)
        let encoded = model.tokenizer.encode(SmallWorld.sentences)
        #expect(!encoded.ids.contains(model.tokenizer.unknownID))
        #expect(try model.embed(SmallWorld.sentences).vectors.columns == 8)
        // Words that are taken over stay as alike as they were, up to what the components leave out: here nothing.
        try NewEncoder(
            layers: 1, width: 16, heads: 2, maximumLength: 32, poolsFirstToken: true, inheritsWords: true
        ).write(to: folder, tokenizerOf: world.folder, vocabulary: kept, seed: 1)
        let names = "embeddings.word_embeddings.weight"
        func words(_ folder: URL) throws -> Matrix {
            try SafetensorsFile(folder.appending(path: "model.safetensors")).matrix(named: names)
        }
        let ids = kept.map { Int(world.tokenizer.id(of: $0) ?? 0) }
        let (old, new) = (try words(world.folder).gathering(rows: ids), try words(folder))
        func distance(_ x: Matrix, _ a: Int, _ b: Int) -> Float {
            zip(x.row(a), x.row(b)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let scale = distance(new, 5, 9) / distance(old, 5, 9)
        for (a, b) in [(0, 1), (7, 30), (12, 43)] {
            #expect(abs(distance(new, a, b) / distance(old, a, b) / scale - 1) < 1e-3)
        }
        #expect(throws: KuklaError.self) {
            try NewEncoder(layers: 1, width: 8, heads: 3, maximumLength: 32, poolsFirstToken: false).write(
                to: folder, tokenizerOf: world.folder, seed: 1)
        }
    }
}

@Suite struct PretrainingOperationTests {
    static let lengths = SequenceLengths([3, 2, 5])

    /// Small steps: where the greatest logit changes the function has a kink.
    static let cases: [GradientCase] = [
        GradientCase("linearCrossEntropy") { random in
            [
                .normal([7, 4], using: &random), .normal([9, 4], using: &random),
                .normal([9], using: &random),
            ]
        } function: {
            $0[0].linearCrossEntropy(
                table: $0[1], bias: $0[2], targets: [0, 8, 3, 3, 1, 7, 2], rowsAtATime: 3)
        },
        GradientCase("maximumLogits", step: 1e-3) { random in
            [
                .normal([lengths.total, 4], using: &random), .normal([11, 4], using: &random),
                .normal([11], using: &random),
            ]
        } function: {
            $0[0].maximumLogits(table: $0[1], bias: $0[2], lengths: lengths)
        },
        GradientCase("head at a width") { random in
            [.normal([5, 3], using: &random)]
        } function: {
            var random = RandomSource(seed: 4)
            let head = MaskedLanguageHead(width: 6, vocabulary: 7, epsilon: 1e-3, using: &random)
            return head.transform($0[0] * 20)
        },
    ]

    @Test(arguments: cases)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test(arguments: [1, 3, 100])
    func `the cross-entropy in chunks is that in one piece`(_ chunk: Int) {
        var random = RandomSource(seed: 6)
        let (x, table) = (Tensor.normal([10, 5], using: &random), Tensor.normal([13, 5], using: &random))
        let bias = Tensor.normal([13], using: &random)
        let targets = (0..<10).map { Int32($0 * 7 % 13) }
        let expected = x.linear(table, bias).crossEntropy(targets: targets).item
        let found = x.linearCrossEntropy(table: table, bias: bias, targets: targets, rowsAtATime: chunk)
        #expect(abs(found.item - expected) < 1e-5)
        #expect(Tensor.zeros([0, 5]).linearCrossEntropy(table: table, bias: bias, targets: []).item == 0)
    }

    @Test func `the bag of words is the greatest of all rows but the first`() {
        var random = RandomSource(seed: 7)
        // More words than are computed at a time.
        let (x, table) = (Tensor.normal([10, 6], using: &random), Tensor.normal([600, 6], using: &random))
        let bias = Tensor.normal([600], using: &random)
        let logits = x.linear(table, bias)
        let found = x.maximumLogits(table: table, bias: bias, lengths: Self.lengths)
        for (sequence, rows) in [1..<3, 4..<5, 6..<10].enumerated() {
            for word in 0..<600 {
                let expected = rows.map { logits[$0, word] }.max() ?? .nan
                #expect(abs(found[sequence, word] - expected) < 1e-5)
            }
        }
    }

    @Test func `a head reads the whole width as BERT's does, and leading columns as if the rest were zero`() {
        var random = RandomSource(seed: 8)
        let head = MaskedLanguageHead(width: 12, vocabulary: 20, using: &random)
        let x = Tensor.normal([4, 12], using: &random)
        let ordinary = head.norm(head.dense(x, activation: .gelu))
        #expect(zip(head.transform(x).elements, ordinary.elements).allSatisfy { abs($0 - $1) < 1e-6 })
        let cut = x.slice(axis: 1, 0..<5)
        let padded = Tensor.concatenated([cut, .zeros([4, 7])], axis: 1)
        #expect(
            zip(head.transform(cut).elements, head.transform(padded).elements).allSatisfy {
                abs($0 - $1) < 1e-5
            })
    }

    @Test func `biases by sequence are dense biases of one sequence at a time`() {
        var random = RandomSource(seed: 9)
        let (queries, keys) = (SequenceLengths([2, 0, 20]), SequenceLengths([3, 4, 17]))
        let shape = AttentionShape(heads: 2, headDimensions: 4)
        let x = [queries, keys, keys].map { Tensor.normal([$0.total, 8], using: &random).watched() }
        let pairs = (0..<3).map { queries[$0].count * keys[$0].count }
        let bias = pairs.map { count in
            Tensor.uniform([count], using: &random).elements.map { $0 < 0.4 ? Float(-10_000) : $0 }
        }
        let together = Tensor.attention(
            query: x[0], key: x[1], value: x[2], shape: shape, queries: queries, keys: keys,
            options: AttentionOptions(bias: .bySequence(Tensor(bias.flatMap { $0 }))))
        let alone = [0, 2].map { i in
            Tensor.attention(
                query: x[0][rows: queries[i]], key: x[1][rows: keys[i]], value: x[2][rows: keys[i]],
                shape: shape, queries: SequenceLengths([queries[i].count]),
                keys: SequenceLengths([keys[i].count]),
                options: AttentionOptions(
                    bias: .computed(heads: 2, queries: queries[i].count, keys: keys[i].count) {
                        bias[i][$1 * keys[i].count + $2]
                    }))
        }
        let apart = Tensor.concatenated(alone, axis: 0)
        #expect(zip(together.elements, apart.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        let (a, b) = ((together * together).sum().gradients(), (apart * apart).sum().gradients())
        for input in x {
            let pairs = zip(a[input]?.dense.elements ?? [], b[input]?.dense.elements ?? [1])
            #expect(pairs.allSatisfy { abs($0 - $1) < 1e-4 })
        }
    }
}

@Suite struct DupMAETests {
    @Test func `no row sees its own token, each sees the sentence's vector, and rows differ`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let texts = world.texts()
        var random = RandomSource(seed: 1)
        for rate in [Float(0), 0.5, 1] {
            let masks = RowMasks(texts, rate: rate, world.masking, using: &random)
            var (at, query) = (0, 0)
            var hidden: [Set<[Bool]>] = []
            for text in 0..<texts.count {
                let length = texts[text].count
                #expect(masks.queries[text].count == length - 2)
                hidden.append([])
                for _ in masks.queries[text] {
                    var row = Array(masks.isVisible[at..<at + length])
                    let place = Int(masks.places[query])
                    #expect(!row[place] && row[0] && row[length - 1])
                    #expect(masks.asked.ids[query] == texts.ids[Int(masks.asked.rows[query])])
                    row[place] = true
                    if rate == 0 { #expect(!row.contains(false)) }
                    hidden[text].insert(row)
                    (at, query) = (at + length, query + 1)
                }
            }
            if rate == 0.5 { #expect(hidden[4].count > 3) }
            #expect(at == masks.isVisible.count)
        }
        let some = RowMasks(texts, rate: 0.5, share: 0.3, world.masking, using: &random)
        #expect(some.queries.total < texts.ids.count / 2 && !some.queries.lengths.contains(0))
    }

    @Test func `what a row does not see changes nothing, and what it sees does`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let texts = world.texts()
        var random = RandomSource(seed: 2)
        let masks = RowMasks(texts, rate: 0.5, world.masking, using: &random)
        let decoder = EnhancedDecoder(layer: try world.model().decoder)
        let queries = Tensor.normal([masks.queries.total, 16], using: &random)
        let memory = Tensor.normal([texts.ids.count, 16], using: &random)
        func run(_ memory: Tensor) -> Tensor {
            decoder(
                queries: queries, memory: memory, lengths: texts.lengths, masks: masks, mode: .inference)
        }
        let before = run(memory)
        var at = 0
        for text in 0..<texts.count {
            let length = texts[text].count
            for place in [1, length / 2] {
                var changed = memory
                changed.withUnsafeMutableBufferPointer { buffer in
                    for i in 0..<16 { buffer[(texts.offsets[text] + place) * 16 + i] += Float(i) }
                }
                let after = run(changed)
                for (row, query) in masks.queries[text].enumerated() {
                    let isSame = (0..<16).allSatisfy { before[query, $0] == after[query, $0] }
                    #expect(isSame != masks.isVisible[at + row * length + place])
                }
            }
            at += masks.queries[text].count * length
        }
    }

    @Test func `the enhanced decoder's gradient agrees with central differences`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let texts = world.tokenizer.encode(Array(SmallWorld.sentences.prefix(2)))
        let layer = try world.model().decoder
        var drawn = RandomSource(seed: 3)
        let masks = RowMasks(texts, rate: 0.5, world.masking, using: &drawn)
        let gradientCase = GradientCase("enhanced decoder") { random in
            [
                .normal([masks.queries.total, 16], using: &random),
                .normal([texts.ids.count, 16], using: &random),
            ]
        } function: {
            EnhancedDecoder(layer: layer)(
                queries: $0[0], memory: $0[1], lengths: texts.lengths, masks: masks, mode: .inference)
        }
        for seed in 1...4 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(outcome)")
        }
    }

    @Test func `a word that is repeated weighs no more`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let texts = world.texts()
        let bags = DupMAE.bags(texts, vocabulary: SmallWorld.vocabulary.count)
        for text in 0..<texts.count {
            let ordinary = texts[text].dropFirst().dropLast()
            let sum = (0..<SmallWorld.vocabulary.count).reduce(Float(0)) { $0 + bags[text, $1] }
            #expect(abs(sum - Float(Set(ordinary).count) / Float(ordinary.count)) < 1e-6 && sum <= 1 + 1e-6)
        }
    }

    @Test func `the heaviest words, all of them, have the inner product of the whole rows`() {
        var random = RandomSource(seed: 4)
        let rows = Tensor.normal([6, 40], using: &random).matrix
        let dense = Tensor.normal([6, 3], using: &random).matrix
        func hybrid(_ count: Int) -> HybridRepresentation {
            HybridRepresentation(
                dense: dense, lexical: (0..<6).map { LexicalVector(heaviest: count, of: rows.row($0)) })
        }
        let all = hybrid(40)
        let scores = all.scores(of: all)
        let few = hybrid(7).scores(of: hybrid(5))
        for i in 0..<6 {
            for j in 0..<6 {
                func product(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
                let base = product(dense.row(i), dense.row(j))
                #expect(abs(scores[i, j] - base - product(rows.row(i), rows.row(j))) < 1e-4)
                func top(_ row: [Float], _ count: Int) -> [Float] {
                    let least = row.sorted(by: >)[count - 1]
                    return row.map { $0 >= least ? $0 : 0 }
                }
                #expect(
                    abs(few[i, j] - base - product(top(rows.row(i), 5), top(rows.row(j), 7))) < 1e-4)
            }
        }
    }
}

@Suite struct PretrainingObjectiveTests {
    private func losses(
        _ objective: some PretrainingObjective, steps: Int
    ) throws -> (first: [Float], last: [Float]) {
        let world = try SmallWorld()
        defer { world.remove() }
        let task = PretrainingTask(
            model: try world.model(), objective: objective, texts: world.texts(), heldOut: world.texts(),
            masking: world.masking, seed: 1)
        var random = RandomSource(seed: 1)
        let batch = task.makeBatch(Array(0..<8), random: &random)
        var optimizer = Optimizer(Adam(), for: task.model)
        var all: [[Float]] = []
        for _ in 0..<steps {
            let step = task.step(on: batch, mode: .inference)
            all.append(step.losses.map(\.value))
            optimizer.update(step.gradients, learningRate: 0.01)
        }
        let judged = task.evaluate()
        #expect(judged["loss"]?.isFinite == true && judged.count == all[0].count + 1)
        return (all[0], all[steps - 1])
    }

    @Test func `every part of every objective is learned`() throws {
        let sizes = [ModelSize(layers: 1, dimensions: 8), ModelSize(layers: 2, dimensions: 16)]
        for (first, last) in [
            try losses(MaskedLanguageModeling(), steps: 40),
            try losses(StarbucksMAE(sizes: sizes), steps: 40),
            try losses(DupMAE(), steps: 40),
        ] {
            for (a, b) in zip(first, last) { #expect(b < 0.8 * a, "\(first) -> \(last)") }
        }
    }

    @Test func `what is minimised is the mean over the sizes`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let model = try world.model()
        let objective = StarbucksMAE(
            sizes: [ModelSize(layers: 1, dimensions: 4), ModelSize(layers: 2, dimensions: 16)])
        var random = RandomSource(seed: 12)
        let batch = objective.batch(world.texts(), world.masking, using: &random)
        let bySize = objective.crossEntropies(of: batch, model)
        let parts = objective.losses(of: batch, model, mode: .inference)
        #expect(abs(Double(parts[0].value.item) - (bySize[0].encoder + bySize[1].encoder) / 2) < 1e-5)
        #expect(abs(Double(parts[1].value.item) - (bySize[0].decoder + bySize[1].decoder) / 2) < 1e-5)
    }

    @Test func `a sentence's vector reaches its own decoder only`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let model = try world.model()
        let objective = DupMAE()
        var random = RandomSource(seed: 3)
        let batch = objective.batch(world.texts(), world.masking, using: &random)
        let found = [SentenceVector.own, .zero, .another].map {
            objective.decoderCrossEntropy(of: batch, model, sentence: $0)
        }
        #expect(Set(found).count == 3)
    }

    @Test func `pieces have all tokens of long texts`() throws {
        let world = try SmallWorld()
        defer { world.remove() }
        let text = (0..<30).map { _ in "the cat sat" }.joined(separator: " ")
        let pieces = try TokenBatch.pieces(of: [text, "a b", ""], tokenizer: world.tokenizer, length: 32)
        #expect(pieces.count == 3)
        #expect((0..<3).map { pieces[$0].count } == [32, 32, 32])
        let whole = world.tokenizer.encode(text).ids.dropFirst().dropLast()
        #expect((0..<3).flatMap { pieces[$0].dropFirst().dropLast() } == Array(whole))
    }
}
