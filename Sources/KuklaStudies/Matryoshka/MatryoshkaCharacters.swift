import Foundation
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaTensor
import KuklaText

/// Many classes of pictures: nearest neighbours by few components, and classifiers that ask for more where they are not sure.
struct MatryoshkaCharacters {
    let bench: StudyBench

    private static let sizes = [8, 16, 32, 64]
    private static let arms = ["plain", "PCA of plain", "MRL", "MRL-E", "FF-8"]

    init(bench: StudyBench) { self.bench = bench }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let all = try bench.omniglot(limit: bench.choose(quick: 6, full: .max))
        let (training, heldOut, test) = (
            all.written(by: 1...14), all.written(by: 15...16), all.written(by: 17...20)
        )
        var accuracy: [String: [[Double]]] = [:]
        var cascades: [[Double]] = []
        for seed in bench.seeds {
            func network(_ sizes: [Int], _ kind: MatryoshkaHead.Kind = .separate) throws(KuklaError)
                -> CharacterNetwork
            {
                try trained(
                    CharacterNetwork(sizes: sizes, kind: kind, classes: all.classCount, seed: seed),
                    on: training,
                    seed: seed)
            }
            let plain = try embedded(network([CharacterNetwork.dimensions]), training, test)
            accuracy["plain", default: []].append(Self.sizes.map(plain.accuracy))
            let turned = try PrincipalPrefixes(of: plain.gallery, threads: bench.threads)
            let principal = Neighbours(plain, gallery: turned(plain.gallery), queries: turned(plain.queries))
            accuracy["PCA of plain", default: []].append(Self.sizes.map(principal.accuracy))
            let mrl = try network(Self.sizes)
            accuracy["MRL", default: []].append(Self.sizes.map(embedded(mrl, training, test).accuracy))
            cascades.append(cascade(mrl, heldOut, test))
            // What no bar asks for, by one seed.
            guard seed == bench.seeds[0] else { continue }
            let shared = try embedded(network(Self.sizes, .shared), training, test)
            accuracy["MRL-E"] = [Self.sizes.map(shared.accuracy)]
            let alone = try embedded(network([8]), training, test)
            accuracy["FF-8"] = [[alone.accuracy(8)] + Self.sizes.dropFirst().map { _ in .nan }]
        }
        let gain = Spread(
            zip(accuracy["MRL"] ?? [], accuracy["plain"] ?? []).map { $0[0] - $1[0] }, decimals: 2)
        findings.bars.append(
            StudyBar(
                "4. Omniglot: 1-NN accuracy at 8 dimensions, MRL over plain cut, points", gain.mean, .atLeast,
                10,
                note: gain.note))
        add(accuracy, cascades, classes: all.classCount, to: &findings)
    }

    private func add(
        _ accuracy: [String: [[Double]]], _ cascades: [[Double]], classes: Int,
        to findings: inout StudyFindings
    ) {
        func mean(_ values: [[Double]], _ column: Int) -> StudyTable.Cell {
            .number(Spread(values.map { $0[column] }).mean, decimals: 2)
        }
        var table = StudyTable(
            "Omniglot, \(classes) characters of writers that were not seen: 1-NN accuracy in %, mean of \(bench.seeds.count) seeds (MRL-E, FF-8: seed 1)",
            columns: ["dimensions"] + Self.arms)
        for (index, size) in Self.sizes.enumerated() {
            table.rows.append([.count(size)] + Self.arms.map { mean(accuracy[$0] ?? [], index) })
        }
        findings.tables.append(table)
        findings.tables.append(
            StudyTable(
                "Omniglot, MRL's classifiers as a cascade, thresholds from writers kept out of training",
                columns: [
                    "accuracy of 64 dimensions, %", "of the cascade, %", "dimensions it takes, mean",
                    "with 1 point of tolerance, %", "dimensions, mean",
                ], rows: [(0..<5).map { mean(cascades, $0) }]))
        findings.notes.append(
            "Omniglot: the small background set has 136 characters; turned by quarters they make 544 classes. Writers 1 to 14 are learned from and are the gallery, 15 and 16 choose thresholds, 17 to 20 are asked. Three convolutions with batch norm (32, 64, 64 channels, stride 2) and a linear layer to 64; cross-entropy, \(epochs) epochs, batch 64, AdamW at 1e-3; cosine neighbours. After 6 epochs, which were run first, classifiers of 8 dimensions had hardly begun to learn. Nothing else was chosen."
        )
    }

    private var epochs: Int { bench.choose(quick: 1, full: 15) }

    private func trained(
        _ network: CharacterNetwork, on examples: HandwrittenCharacters, seed: UInt64
    ) throws(KuklaError) -> CharacterNetwork {
        var recipe = Recipe(options: NoOptions())
        recipe.training.seed = seed
        recipe.training.length = .epochs(epochs)
        recipe.training.batchSize = 64
        recipe.training.schedule = ScheduleSettings(.cosine)
        recipe.training.weightDecay = 0.01
        recipe.training.threads = bench.threads
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-characters-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try TrainingRun(folder, recipe: recipe)
            .train(CharacterTask(model: network, examples: examples), progress: bench.progress)
        return network
    }

    private func embedded(
        _ network: CharacterNetwork, _ gallery: HandwrittenCharacters, _ queries: HandwrittenCharacters
    ) -> Neighbours {
        Neighbours(
            gallery: network.embed(gallery.pictures, threads: bench.threads),
            queries: network.embed(queries.pictures, threads: bench.threads), classes: gallery.classes,
            asked: queries.classes)
    }

    /// Accuracy of the largest size, of the cascade and its mean dimensions, without and with tolerance.
    private func cascade(
        _ network: CharacterNetwork, _ heldOut: HandwrittenCharacters, _ test: HandwrittenCharacters
    ) -> [Double] {
        func probabilities(_ examples: HandwrittenCharacters) -> [Matrix] {
            let vectors = Tensor(network.embed(examples.pictures, threads: bench.threads))
            return withoutGradient { network.head(vectors).map { $0.softmax().matrix } }
        }
        func accuracy(_ found: [Int]) -> Double {
            100 * Double(zip(found, test.classes).count { $0 == Int($1) }) / Double(max(1, found.count))
        }
        let (choosing, asked) = (probabilities(heldOut), probabilities(test))
        let last = ClassificationCascade([.init(dimensions: CharacterNetwork.dimensions, threshold: 0)])
        var figures = [accuracy(last([asked[asked.count - 1]]).labels)]
        for tolerance in [0, 0.01] {
            let outcome = ClassificationCascade(
                choosingOn: choosing, labels: heldOut.classes.map(Int.init), dimensions: Self.sizes,
                tolerance: tolerance)(asked)
            figures += [accuracy(outcome.labels), outcome.expectedDimensions]
        }
        return figures
    }
}

/// A recipe without keys of its own.
private struct NoOptions: RecipePart {
    mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {}
}

/// Labelled embeddings, and others that ask for the nearest of them.
private struct Neighbours {
    let gallery, queries: Matrix
    let classes, asked: [Int32]

    init(gallery: Matrix, queries: Matrix, classes: [Int32], asked: [Int32]) {
        (self.gallery, self.queries, self.classes, self.asked) = (gallery, queries, classes, asked)
    }

    /// The same through other vectors.
    init(_ other: Neighbours, gallery: Matrix, queries: Matrix) {
        self.init(gallery: gallery, queries: queries, classes: other.classes, asked: other.asked)
    }

    /// How many of those that ask have a nearest neighbour of their class by the cosine of the first components, in %.
    func accuracy(_ dimensions: Int) -> Double {
        let cosines = queries.leadingComponents(dimensions).multiplied(
            by: gallery.leadingComponents(dimensions), transposed: true)
        let nearest = Tensor(cosines).argmax()
        let right = zip(nearest, asked).count { classes[Int($0)] == $1 }
        return 100 * Double(right) / Double(max(1, asked.count))
    }
}
