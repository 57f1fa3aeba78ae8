import Foundation
import KuklaCodecs
import KuklaIndex
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct BiGranularTests {
    /// Documents around centres, and for each query a noisy copy of a document.
    private func examples(
        queries: Int = 200, documents: Int = 600, d: Int = 16, noise: Float = 0.5, seed: UInt64 = 1
    ) throws -> BiGranularTraining.Examples {
        var random = RandomSource(seed: seed)
        let centres = Matrix(rows: 30, columns: d) { for i in $0.indices { $0[i] = random.normal() } }
        let texts = Matrix(rows: documents, columns: d) { out in
            for i in out.indices { out[i] = centres[i / d % 30, i % d] + 0.4 * random.normal() }
        }
        let answers = (0..<queries).map { [$0 * 3 % documents, ($0 * 3 + 30) % documents] }
        let asked = Matrix(rows: queries, columns: d) { out in
            for i in out.indices {
                // Half of the components say nothing: what a head can learn.
                out[i] =
                    i % d < d / 2
                    ? texts[answers[i / d][0], i % d] + noise * random.normal() : random.normal()
            }
        }
        return try .init(queries: asked, documents: texts, answers: answers)
    }

    private func graph(candidates: Int? = 20) throws -> (CandidateGraph, BiGranularTraining.Examples) {
        let examples = try examples()
        let model = BiGranularModel(dimensions: 16)
        let lists = candidates.map {
            model.ranked(queries: examples.queries, documents: examples.documents, count: $0)
        }
        return (
            try CandidateGraph(documentCount: 600, positives: examples.answers, candidates: lists), examples
        )
    }

    private func recipe(epochs: Int = 3) -> Recipe<BiGranularOptions> {
        var recipe = BiGranularOptions.recipe
        recipe.training.length = .epochs(epochs)
        recipe.training.batchSize = 32
        recipe.training.learningRate = 2e-3
        recipe.training.threads = 2
        recipe.options.codeBytes = 4
        recipe.options.heldOut = 40
        recipe.options.candidates = 30
        return recipe
    }

    @Test(arguments: [LocalityCentricSampler.Walk.randomWalk, .snowSample, .shuffled], [nil, 20])
    func `every query comes once an epoch with an answer and a negative of its own`(
        walk: LocalityCentricSampler.Walk, candidates: Int?
    ) throws {
        let (graph, _) = try graph(candidates: candidates)
        let sampler = LocalityCentricSampler(graph, batchSize: 24, walk: walk, seed: 3)
        for epoch in 0..<3 {
            let batches = sampler.batches(inEpoch: epoch)
            #expect(batches == sampler.batches(inEpoch: epoch))
            let triples = batches.joined().map(graph.triple(of:))
            #expect(triples.map(\.query).sorted() == Array(0..<200))
            #expect(batches.dropLast().allSatisfy { $0.count == 24 })
            for triple in triples {
                #expect(graph.answers(triple.query, triple.positive))
                #expect(!graph.answers(triple.query, triple.negative))
                if let lists = graph.candidates { #expect(lists[triple.query].contains(triple.negative)) }
            }
        }
        #expect(sampler.batches(inEpoch: 0) != sampler.batches(inEpoch: 1))
    }

    @Test func `documents of a walk are more alike than those of random batches`() throws {
        let (graph, examples) = try graph()
        /// The mean cosine of queries with the other queries' documents in their batch.
        func hardness(_ walk: LocalityCentricSampler.Walk) -> Double {
            let sampler = LocalityCentricSampler(graph, batchSize: 24, walk: walk, seed: 3)
            var (sum, count) = (0.0, 0)
            for batch in sampler.batches(inEpoch: 0) {
                let triples = batch.map(graph.triple(of:))
                for a in triples {
                    for b in triples where a != b {
                        sum += exactScore(
                            examples.queries.row(a.query), examples.documents.row(b.negative))
                        count += 1
                    }
                }
            }
            return sum / Double(count)
        }
        let random = hardness(.shuffled)
        #expect(hardness(.randomWalk) > random + 0.02 && hardness(.snowSample) > random + 0.02)
    }

    private func exactScore(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    @Test func `answers of a query are not held against it`() throws {
        let examples = try examples()
        let graph = try CandidateGraph(documentCount: 600, positives: examples.answers)
        let task = BiGranularTask(
            model: BiGranularModel(dimensions: 16), queries: examples.queries, documents: examples.documents,
            graph: graph, walk: .shuffled, options: BiGranularOptions())
        var random = RandomSource(seed: 1)
        for items in LocalityCentricSampler(graph, batchSize: 50, walk: .shuffled, seed: 1).batches(
            inEpoch: 0)
        {
            let batch = task.makeBatch(items, random: &random)
            let triples = items.map(graph.triple(of:))
            let columns = triples.map(\.positive) + triples.map(\.negative)
            let mask = batch.mask.matrix
            for (row, triple) in triples.enumerated() {
                for (column, document) in columns.enumerated() {
                    let isMasked = column != row && examples.answers[triple.query].contains(document)
                    #expect((mask[row, column] < -1000) == isMasked)
                }
            }
        }
    }

    @Test func `no steps give the codes of the product quantizer byte for byte`() throws {
        let examples = try examples()
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let training = try BiGranularTraining(examples, recipe: recipe(), runFolder: folder)
        let head = BiGranularModel(dimensions: 16)
        let codec = try training.initialCodes(after: head).codec(sample: examples.documents)
        #expect(codec.configuration.description == "HEAD16,OPQ4,PQ4" && codec.layout.bytesPerVector == 4)
        let own = try CodecConfiguration(parsing: "HEAD16,OPQ4,PQ4").train(
            on: examples.documents, metric: .cosine)
        let turned = head(Tensor(examples.documents)).matrix
        let expected = try CodecConfiguration(parsing: "OPQ4,PQ4").train(
            on: turned, metric: .cosine, seed: 1)
        #expect(encoded(examples.documents, codec) == encoded(turned, expected))
        #expect(own.layout == codec.layout)
    }

    private func encoded(_ vectors: Matrix, _ codec: any VectorCodec) -> [UInt8] {
        var codes = [UInt8](repeating: 0, count: codec.layout.byteCount(of: vectors.rows))
        codes.withUnsafeMutableBytes { codec.encode(vectors, into: $0, threads: 2) }
        return codes
    }

    @Test func `scores by codes are those of the module and of what codes stand for`() throws {
        let examples = try examples()
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let training = try BiGranularTraining(examples, recipe: recipe(), runFolder: folder)
        let stage = try training.trainCodes(after: BiGranularModel(dimensions: 16))
        #expect(stage.after > stage.before, "\(stage.before) -> \(stage.after)")
        let codec = try stage.model.codec(sample: examples.documents)
        let chained = try #require(codec as? TransformedCodec)
        let codes = encoded(examples.documents, codec)
        let centroids = codes.withUnsafeBytes { chained.quantizer.decode($0, count: 600) }
        let queries = chained.transformedQueries(examples.queries).queries
        var scores = [Float](repeating: 0, count: 200 * 600)
        codes.withUnsafeBytes {
            codec.scorer(for: examples.queries).score($0.baseAddress!, count: 600, into: &scores, stride: 600)
        }
        for q in stride(from: 0, to: 200, by: 17) {
            for row in stride(from: 0, to: 600, by: 7) {
                let expected = exactScore(queries.row(q), centroids.row(row))
                #expect(abs(Double(scores[q * 600 + row]) - expected) < 1e-5 * 16)
            }
        }
        // The module ranks as the index does.
        var index = FlatIndex(codec: codec)
        try index.insert(examples.documents, threads: 2)
        let found = try index.search(examples.queries, count: 20, threads: 2)
        let ranked = stage.model.ranked(queries: examples.queries, documents: examples.documents, count: 20)
        var same = 0
        for (a, b) in zip(found, ranked) { same += Set(a.map(\.id)).intersection(b).count }
        #expect(Double(same) / (200 * 20) > 0.98, "\(same) of 4000")
        // Every part has several centroids in use.
        for part in 0..<4 { #expect(Set((0..<600).map { codes[$0 * 4 + part] }).count > 20) }
    }

    @Test func `the loss's gradient is right`() throws {
        // Through a smooth part: the choice of centroids passes the soft gradient by definition.
        let check = GradientCase("masked ranking") { random in
            [
                Tensor.normal([4, 6], using: &random), Tensor.normal([8, 6], using: &random),
            ]
        } function: { inputs in
            var mask = [Float](repeating: 0, count: 32)
            mask[2] = -1e4
            return MaskedRankingLoss(temperature: 0.3)(
                inputs[0], inputs[1], mask: Tensor(shape: [4, 8], elements: mask))
        }
        for seed in 1...5 as ClosedRange<UInt64> {
            let outcome = check.check(seed: seed)
            #expect(outcome.isClose, "\(outcome)")
        }
    }

    @Test func `heads and codes learn, and go through files into an index`() throws {
        let examples = try examples()
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try BiGranularTraining(examples, recipe: recipe(epochs: 6), runFolder: folder)()
        for stage in [result.global, result.local] {
            #expect(stage.after > stage.before + 0.02, "\(stage.before) -> \(stage.after)")
        }
        let file = folder.appending(path: "coarse.safetensors")
        try CodecFile.write(result.coarse, to: file)
        #expect(try CodecFile.read(file).parameters == result.coarse.parameters)
        let configuration = try IndexConfiguration(
            parsing: "HEAD16,OPQ4,PQ4,Tiered(HEAD16,F32,factor=60)")
        var index = try configuration.makeIndex(
            on: examples.documents, metric: .cosine, codec: result.coarse, finer: result.fine)
        try index.insert(examples.documents, threads: 2)
        #expect(index.bytesPerVector == 4 && index.fileBytesPerVector == 64)
        // All are candidates: the ranking is that of the fine head.
        let found = try index.search(examples.queries, count: 10, threads: 2)
        let ranked = result.local.model.ranked(
            queries: examples.queries, documents: examples.documents, count: 10)
        var same = 0
        for (a, b) in zip(found, ranked) { same += a.map(\.id) == b ? 1 : 0 }
        #expect(same >= 198, "\(same) of 200")
    }
}
