import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct HardNegativeMinerTests {
    private func unit(_ rows: Int, _ random: inout RandomSource) -> Matrix {
        Tensor.normal([rows, 6], using: &random).normalized().matrix
    }

    /// The definition, over all documents sorted.
    private func expected(
        _ miner: HardNegativeMiner, _ scores: [Float], _ answers: [Int], _ excluded: [Int], _ positive: Int
    ) -> [Int] {
        let limit: Float =
            switch miner.rule {
            case .topK: .infinity
            case .topKPercent(let share): scores[positive] - Float(1 - share) * abs(scores[positive])
            case .margin(let margin): scores[positive] - Float(margin)
            case .threshold(let score): Float(score)
            }
        let ranked = scores.indices.filter { !answers.contains($0) && !excluded.contains($0) }
            .sorted { (scores[$0], $1) > (scores[$1], $0) }
        return Array(ranked.dropFirst(miner.skip).filter { scores[$0] <= limit }.prefix(miner.count))
    }

    @Test(arguments: [
        NegativeRule.topK, .topKPercent(0.95), .topKPercent(0.5), .margin(0.3), .threshold(0.2),
    ])
    func `negatives are what the definition says`(_ rule: NegativeRule) {
        for seed in 1...6 {
            var random = RandomSource(seed: UInt64(seed))
            let (queries, documents) = (unit(70, &random), unit(90, &random))
            let answers = (0..<70).map { _ in random.sample(Int.random(in: 1...3, using: &random), below: 90)
            }
            let excluded = (0..<70).map { _ in random.sample(2, below: 90) }
            let miner = HardNegativeMiner(rule: rule, count: 4, skip: seed % 3)
            let found = miner(
                queries: queries, documents: documents, answers: answers, excluded: excluded, threads: 2)
            let scores = queries.multiplied(by: documents, transposed: true)
            var rows: [HardNegativeMiner.Findings.Row] = []
            for query in 0..<70 {
                for positive in answers[query] {
                    let negatives = expected(
                        miner, scores.row(query), answers[query], excluded[query], positive)
                    if negatives.count == 4 {
                        rows.append(.init(query: query, positive: positive, negatives: negatives))
                    }
                }
            }
            #expect(found.rows == rows, "seed \(seed)")
            #expect(found.rows.count + found.incomplete == answers.reduce(0) { $0 + $1.count })
            if rule == .topK { #expect(found.droppedByRule == 0 && found.incomplete == 0) }
        }
    }

    @Test func `what the rule drops and answers that are passed over are counted`() {
        // Scores 0.9, 0.89, 0.8, 0.7, 0.5 with one query.
        let scores: [Float] = [0.9, 0.89, 0.8, 0.7, 0.5]
        let documents = Matrix(
            rows: 5, columns: 2, elements: scores.flatMap { [$0, (1 - $0 * $0).squareRoot()] })
        let query = Matrix(rows: 1, columns: 2, elements: [1, 0])
        func mine(_ rule: NegativeRule, _ answers: [Int]) -> HardNegativeMiner.Findings {
            HardNegativeMiner(rule: rule, count: 2)(queries: query, documents: documents, answers: [answers])
        }
        let ruled = mine(.topKPercent(0.95), [0])
        #expect(
            ruled.rows.map(\.negatives) == [[2, 3]] && ruled.droppedByRule == 1 && ruled.answersAvoided == 0)
        let plain = mine(.topK, [0, 2])
        #expect(plain.rows.map(\.negatives) == [[1, 3], [1, 3]] && plain.answersAvoided == 2)
        #expect(mine(.threshold(0.4), [0]).incomplete == 1)
    }
}

@Suite struct OwnNegativesLossTests {
    @Test func `rows do not see one another`() {
        var random = RandomSource(seed: 3)
        let columns = (0..<4).map { _ in Tensor.normal([5, 6], using: &random) }
        let loss = OwnNegativesLoss(temperature: 0.1)
        let whole = loss(columns).item
        let each = (0..<5).map { row in loss(columns.map { $0[rows: row..<row + 1] }).item }
        #expect(abs(whole - each.reduce(0, +) / 5) < 1e-5)
        // By the formula.
        func cosine(_ a: Tensor, _ b: Tensor) -> Double {
            let (x, y) = (a.elements.map(Double.init), b.elements.map(Double.init))
            func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
            return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
        }
        let row = columns.map { $0[rows: 0..<1] }
        let logits = row.dropFirst().map { cosine(row[0], $0) / 0.1 }
        let expected = log(logits.reduce(0) { $0 + exp($1) }) - logits[0]
        #expect(abs(Double(each[0]) - expected) < 1e-4)
    }
}

/// A decoder that is trained from nothing, and instructed.
@Suite struct InstructTrainingTests {
    private let folder: URL
    private let tokenizer: WordPieceTokenizer
    private static let subjects = ["man", "woman", "dog", "bird", "child", "cow"]
    private static let verbs = ["eats", "sees", "paints", "carries"]

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "kukla-instruct-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let characters = "abcdefghijklmnopqrstuvwxyz:".map { String($0) }
        var start = NewEncoder(layers: 2, width: 24, heads: 2, maximumLength: 32, poolsFirstToken: false)
        (start.mask, start.dropout, start.normalizes) = (.causal, 0, false)
        try start.write(
            to: folder.appending(path: "fresh"),
            vocabulary: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters
                + characters.map { "##" + $0 } + Self.subjects + Self.verbs + [
                    "the", "one", "two", "query", "instruct",
                ], seed: 1)
        tokenizer = try WordPieceTokenizer(folder: folder.appending(path: "fresh"))
    }

    private func finished(_ body: () throws -> Void) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try body()
    }

    private func sentence(_ i: Int, _ article: String = "the") -> String {
        "\(article) \(Self.subjects[i % 6]) \(Self.verbs[i / 6 % 4]) \(article) \(Self.subjects[(i / 24 + i) % 6])"
    }

    /// A text, the same with another article, and two of other subjects.
    private func tuples(_ count: Int, task: TextTuples.Task?) -> TextTuples {
        TextTuples(
            rows: (0..<count).map {
                [sentence($0), sentence($0, "a"), sentence($0 + 1, "one"), sentence($0 + 2, "two")]
            },
            tasks: task.map { .init(repeating: $0, count: count) } ?? [])
    }

    @Test func `a language model learns which words follow`() throws {
        try finished {
            let model = try TextEncoderModule(folder: folder.appending(path: "fresh"))
            let texts = tokenizer.encode((0..<96).map { sentence($0) })
            let task = try CausalLanguageModel(model: model, texts: texts, heldOut: texts.selecting(0..<20))
            var recipe = Recipe(options: NoOptions())
            recipe.training.length = .epochs(12)
            recipe.training.batchSize = 16
            recipe.training.learningRate = 0.01
            let before = try #require(try task.evaluate()["perplexity"])
            _ = try TrainingRun(folder.appending(path: "run"), recipe: recipe).train(task)
            let after = try #require(try task.evaluate()["perplexity"])
            // 76 tokens by chance; of a sentence only three words are not certain, with 6, 4 and 4 choices at most.
            #expect(before > 40 && after < 4, "\(before) -> \(after)")
            #expect(throws: KuklaError.self) {
                try CausalLanguageModel(
                    model: TextEncoderModule(folder: folder.appending(path: "fresh"), mask: .bidirectional),
                    texts: texts, heldOut: TokenBatch())
            }
        }
    }

    @Test(arguments: ["mean", "latent:8x2x8"])
    func `two stages lower their losses, and the folder embeds as it was trained`(_ pooling: String) throws {
        try finished {
            var recipe = InstructOptions.recipe
            recipe.training.length = .epochs(6)
            recipe.training.batchSize = 12
            recipe.training.learningRate = 0.01
            recipe.options.pooling = pooling
            recipe.options.poolingRate = 1
            let task = TextTuples.Task("abc")
            let training = InstructTraining(
                base: folder.appending(path: "fresh"), output: folder.appending(path: "out"),
                runFolder: folder.appending(path: "run"))
            let (first, second) = (tuples(48, task: task), tuples(48, task: .init("b", isSymmetric: true)))
            let stages = try training(stage1: first, stage2: second, recipe: recipe)
            #expect(
                stages.map(\.name) == ["stage1", "stage2"] && stages.allSatisfy { $0.summary.step == 24 })
            // By chance log(36 candidates) and log(3).
            #expect((stages[0].summary.loss ?? 9) < 2.5 && (stages[1].summary.loss ?? 9) < 0.9)
            let model = try EmbeddingModel(folder: folder.appending(path: "out"))
            #expect(Set(model.prompts.prompts.keys) == ["abc", "b"])
            let module = try TextEncoderModule(folder: folder.appending(path: "out"))
            #expect(module.mask == .bidirectional)
            let texts = (0..<9).map { sentence($0) }
            let prompt = model.prompts.prompt(for: "abc")
            let (fast, slow) = (
                try model.embed(texts, prompt: prompt).vectors,
                module.embed(texts, prompt: { _ in prompt }, tokenizer: tokenizer)
            )
            #expect(zip(fast.elements, slow.elements).allSatisfy { abs($0 - $1) < 1e-4 })
            // Started again it has nothing to do, and writes the same.
            let again = try training(stage1: first, stage2: second, recipe: recipe)
            #expect(again.map(\.summary.step) == [24, 24])
            #expect(
                try EmbeddingModel(folder: folder.appending(path: "out")).embed(texts, prompt: prompt).vectors
                    == fast)
        }
    }

    @Test func `instructions stand where their task says`() {
        let template = InstructionTemplate.standard
        let rows = TextTuples(
            rows: [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]],
            tasks: [.init("x"), nil, .init("y", isSymmetric: true)])
        let (x, y) = (template.prompt("x"), template.prompt("y"))
        #expect(InstructTraining.prompts(rows, template) == [[x, "", ""], ["", "", ""], [y, y, y]])
    }

    @Test func `stages that cannot be trained are refused`() throws {
        try finished {
            let training = InstructTraining(
                base: folder.appending(path: "fresh"), output: folder.appending(path: "out"),
                runFolder: folder.appending(path: "run"))
            let pairs = TextTuples(rows: (0..<40).map { [sentence($0), sentence($0, "a")] })
            var recipe = InstructOptions.recipe
            #expect(throws: KuklaError.self) { try training(stage1: nil, stage2: nil, recipe: recipe) }
            #expect(throws: KuklaError.self) { try training(stage1: nil, stage2: pairs, recipe: recipe) }
            #expect(throws: KuklaError.self) {
                try training(
                    stage1: tuples(48, task: .init(String(repeating: "a ", count: 40))), stage2: nil,
                    recipe: recipe)
            }
            recipe.options.template = "Query: {text}"
            #expect(throws: KuklaError.self) { try training(stage1: pairs, stage2: nil, recipe: recipe) }
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "run").path))
        }
    }
}
