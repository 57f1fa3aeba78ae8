import Foundation
import KuklaCodecs
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import Testing

@Suite struct BinaryCodeTests {
    /// Vectors of length 1 around some centres, with directions of unlike spread.
    private func vectors(_ rows: Int, _ d: Int, seed: UInt64) -> Matrix {
        var random = RandomSource(seed: 70)
        let centres = (0..<20 * d).map { _ in random.normal() }
        random = RandomSource(seed: seed)
        var result = Matrix(rows: rows, columns: d) { out in
            for row in 0..<rows {
                let centre = Int.random(in: 0..<20, using: &random)
                for i in 0..<d {
                    let spread = 2 / (1 + Float(i) * 6 / Float(d))
                    out[row * d + i] = spread * (0.5 + centres[centre * d + i] + 0.7 * random.normal())
                }
            }
        }
        result.normalizeRows()
        return result
    }

    private func codec(_ d: Int, _ m: Int, _ bits: Int, seed: UInt64 = 1) throws -> RecurrentBinaryCodec {
        try RecurrentBinaryCodec(dimensions: d, codeDimensions: m, bits: bits, seed: seed)
    }

    private func folder() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test(arguments: [1, 2, 4], [0, 9])
    func `a module gives the codes of its codec bit for bit`(bits: Int, width: Int) throws {
        let module = RecurrentBinaryModule(try codec(24, 30, bits), width: width)
        var random = RandomSource(seed: 5)
        for named in module.parameters where !named.path.hasSuffix("num_batches_tracked") {
            let noise = Tensor.uniform(named.parameter.shape, in: 0.1...0.4, using: &random)
            named.parameter.value = named.parameter.value + noise
        }
        let x = vectors(300, 24, seed: 1)
        let scale = Float(1 << (bits - 1))
        let own = module(Tensor(x)).codes * scale
        let found = module.codec.wholeCodes(of: x)
        // Rounding may turn a sign where what it is taken of is within 1e-6 of zero: one such row here at most.
        let unlike = (0..<300).count { own.matrix.row($0) != found.row($0) }
        #expect(unlike <= 1, "\(unlike) rows differ")
        #expect(module.codec.bits == bits && module.codec.codeDimensions == 30)
        // Signs in training, too, where batch norm does not differ.
        if width == 0 {
            let trained = module(Tensor(x), mode: .training(RandomStream(seed: 1))).codes * scale
            #expect(trained.elements == own.elements)
        }
    }

    @Test func `gradients reach every map, and the decoding none of the coding ones`() throws {
        let module = RecurrentBinaryModule(try codec(12, 12, 3), width: 5)
        let x = Tensor(vectors(40, 12, seed: 2))
        let mode = ForwardMode.training(RandomStream(seed: 1))
        let cosines = module(x, mode: mode).codes.normalized()
        let gradients =
            (cosines.matmul(cosines, transposingOther: true) * x.matmul(x, transposingOther: true))
            .sum().gradients()
        func isTrained(_ gradients: Gradients, _ prefix: String) -> Bool {
            module.trainableParameters.contains {
                $0.path.hasPrefix(prefix)
                    && gradients[$0.parameter]?.dense.elements.contains { $0 != 0 } == true
            }
        }
        for part in ["encoder", "residual.0", "residual.1", "reconstruction.0", "reconstruction.1"] {
            #expect(isTrained(gradients, part), "\(part)")
        }
        #expect(!isTrained(gradients, "reconstruction.2"))
        let decoding = (module(x, mode: mode).decoded * x).sum().gradients()
        #expect(isTrained(decoding, "reconstruction.2") && !isTrained(decoding, "encoder"))
    }

    @Test func `distillation is zero for the vectors themselves and follows its definition`() {
        let x = vectors(6, 5, seed: 3)
        let y = vectors(6, 5, seed: 4)
        let similarities = x.multiplied(by: x, transposed: true)
        let loss = SimilarityDistillation(temperature: 0.1)
        #expect(abs(loss(Tensor(x), Tensor(x), like: Tensor(similarities)).item) < 1e-5)
        func softmax(_ row: [Float], without own: Int) -> [Double] {
            let e = row.enumerated().map { $0 == own ? 0 : exp(Double($1) / 0.1) }
            let sum = e.reduce(0, +)
            return e.map { $0 / sum }
        }
        let cosines = x.multiplied(by: y, transposed: true)
        var expected = 0.0
        for i in 0..<6 {
            for (p, q) in zip(
                softmax(similarities.row(i), without: i), softmax(cosines.row(i), without: i))
            where p > 0 {
                expected += p * log(p / q) / 6
            }
        }
        let found = loss(Tensor(x), Tensor(y), like: Tensor(similarities)).item
        #expect(abs(Double(found) - expected) < 1e-5)
    }

    @Test func `the contrastive loss counts the hardest negatives of both directions without twins`() {
        let (a, b) = (vectors(5, 4, seed: 5), vectors(5, 4, seed: 6))
        let cosines = a.multiplied(by: b, transposed: true)
        var twins = [Float](repeating: 0, count: 25)
        twins[1] = 1
        twins[5] = 1
        let loss = HardestNegativesLoss(temperature: 0.2, negatives: 2)
        let found = loss(Tensor(a), Tensor(b), twins: Tensor(shape: [5, 5], elements: twins)).item
        var expected = 0.0
        for isForward in [true, false] {
            for i in 0..<5 {
                func cosine(_ j: Int) -> Double { Double(isForward ? cosines[i, j] : cosines[j, i]) / 0.2 }
                let others = (0..<5).filter { $0 != i && twins[i * 5 + $0] == 0 }.map(cosine)
                let all = [cosine(i)] + others.sorted(by: >).prefix(2)
                expected += (log(all.reduce(0) { $0 + exp($1) }) - all[0]) / 5
            }
        }
        #expect(abs(Double(found) - expected) < 1e-5)
        // More negatives than there are: all of them.
        let all = HardestNegativesLoss(temperature: 0.2, negatives: 99)
        #expect(all(Tensor(a), Tensor(b), twins: .zeros([5, 5])).item.isFinite)
    }

    private func recipe(_ epochs: Int) -> Recipe<BinaryOptions> {
        var recipe = BinaryOptions.recipe
        recipe.training.length = .epochs(epochs)
        recipe.training.batchSize = 128
        recipe.training.learningRate = 1e-3
        recipe.options.heldOut = 200
        return recipe
    }

    @Test func `training keeps more neighbours, and the file makes the codec again`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appending(path: "codec.safetensors")
        let training = BinaryTraining(output: output, runFolder: folder.appending(path: "run"))
        let x = vectors(3000, 32, seed: 7)
        let result = try training(
            .init(vectors: x), configuration: .init(parsing: "RBE32x2"), recipe: recipe(10))
        let (before, after) = (result.before["recall_at_10"] ?? 1, result.after["recall_at_10"] ?? 0)
        #expect(!result.keptInitial && after > before + 0.01, "\(before) -> \(after)")
        let read = try CodecFile.read(output)
        #expect(read.parameters == result.codec.parameters && read.metric == .cosine)
        #expect(read.configuration.description == "RBE32x2" && read.dimensions == 32)
        // The same command again finds the run finished and writes the same codec.
        let again = try training(
            .init(vectors: x), configuration: .init(parsing: "RBE32x2"), recipe: recipe(10))
        #expect(again.codec.parameters == result.codec.parameters)
    }

    @Test func `training that makes nothing better leaves the rotations`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let training = BinaryTraining(
            output: folder.appending(path: "c.safetensors"), runFolder: folder.appending(path: "run"))
        var recipe = recipe(1)
        recipe.training.learningRate = 10
        let result = try training(
            .init(vectors: vectors(1000, 16, seed: 8)), configuration: .init(parsing: "RBE16"),
            recipe: recipe)
        #expect(result.keptInitial && result.after == result.before)
        #expect(result.codec.parameters == (try codec(16, 16, 1)).parameters)
    }

    @Test func `pairs train by the contrastive loss`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let x = vectors(1500, 24, seed: 9)
        var random = RandomSource(seed: 10)
        // A partner is the vector mirrored in half its components, with noise: random maps cannot find it.
        let partners = Matrix(rows: 1500, columns: 24) { out in
            for row in 0..<1500 {
                for i in 0..<24 {
                    out[row * 24 + i] = (i < 6 ? -1 : 1) * x[row, i] + 0.05 * random.normal()
                }
            }
        }
        var recipe = recipe(8)
        recipe.options.width = 24
        recipe.training.learningRate = 0.02
        let result = try BinaryTraining(
            output: folder.appending(path: "c.safetensors"), runFolder: folder.appending(path: "run"))(
                .init(vectors: x, partners: partners), configuration: .init(parsing: "RBE24x2"),
                recipe: recipe)
        let (before, after) = (result.before["recall_at_1"] ?? 1, result.after["recall_at_1"] ?? 0)
        #expect(after > before + 0.1, "\(before) -> \(after)")
    }

    @Test func `new queries find old codes after compatible training, and without it they do not`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let x = vectors(3000, 32, seed: 11)
        let old = try codec(24, 20, 2, seed: 9)
        var truncated = Matrix(rows: 3000, columns: 24) { out in
            for row in 0..<3000 { for i in 0..<24 { out[row * 24 + i] = x[row, i] } }
        }
        truncated.normalizeRows()
        let result = try BinaryTraining(
            output: folder.appending(path: "c.safetensors"), runFolder: folder.appending(path: "run"))(
                .init(vectors: x, older: (old, truncated)), configuration: .init(parsing: "RBE32x2"),
                recipe: recipe(15))
        let after = result.after["old_recall_at_10"] ?? 0
        // What the old codec's own queries find, and those of a codec that was trained without it, by a judge of its own.
        let judge = BinaryJudge.neighbours(of: x[rows: 0..<200], among: x[rows: 200..<3000])
        func found(_ scorer: any CodeScorer) -> Double {
            judge.recall(storedBy: old, truncated[rows: 200..<3000], scorer)
        }
        let own = found(old.scorer(for: truncated[rows: 0..<200]))
        let ownSymmetric = found(old.symmetricScorer(for: truncated[rows: 0..<200]))
        let compatible = found(result.codec.scorer(for: x[rows: 0..<200], against: old))
        let symmetric = found(result.codec.symmetricScorer(for: x[rows: 0..<200], against: old))
        let stranger = found(try codec(32, 32, 2).scorer(for: x[rows: 0..<200], against: old))
        #expect(abs(after - compatible) < 0.05)
        #expect(
            stranger < 0.3 * own && compatible > own - 0.005 && symmetric > 0.85 * ownSymmetric,
            "own \(own), compatible \(compatible), symmetric \(symmetric) to \(ownSymmetric), stranger \(stranger)"
        )
    }

    @Test func `what does not go together is refused`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let training = BinaryTraining(
            output: folder.appending(path: "c.safetensors"), runFolder: folder.appending(path: "run"))
        let x = vectors(1000, 16, seed: 8)
        func refused(_ code: KuklaError.Code, _ attempt: () throws -> Void) {
            let error = #expect(throws: KuklaError.self) { try attempt() }
            #expect(error?.code == code, "\(error?.message ?? "")")
        }
        refused(.badData) { _ = try BinaryTraining.Examples(vectors: x, partners: x[rows: 0..<9]) }
        var bad = x
        bad[3, 1] = .nan
        refused(.badData) { _ = try BinaryTraining.Examples(vectors: bad) }
        let examples = try BinaryTraining.Examples(vectors: x)
        for factory in ["SQ8", "RR,RBE16"] {
            refused(.usage) {
                _ = try training(examples, configuration: .init(parsing: factory), recipe: recipe(1))
            }
        }
        refused(.usage) {
            let older = try BinaryTraining.Examples(vectors: x, older: (codec(16, 16, 2), x))
            _ = try training(older, configuration: .init(parsing: "RBE8"), recipe: recipe(1))
        }
        refused(.badData) {
            let few = try BinaryTraining.Examples(vectors: x[rows: 0..<700])
            _ = try training(few, configuration: .init(parsing: "RBE8"), recipe: recipe(1))
        }
        refused(.usage) {
            var wide = recipe(1)
            wide.training.batchSize = 900
            _ = try training(examples, configuration: .init(parsing: "RBE8"), recipe: wide)
        }
        refused(.usage) {
            var contrastive = recipe(1)
            contrastive.options.loss = .contrastive
            _ = try training(examples, configuration: .init(parsing: "RBE8"), recipe: contrastive)
        }
        let other = folder.appending(path: "other.safetensors")
        try RecurrentBinaryModule(codec(4, 4, 1)).save(to: other)
        refused(.badData) { _ = try CodecFile.read(other) }
    }
}
