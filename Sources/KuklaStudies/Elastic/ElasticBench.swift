import KuklaFormats
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// What the studies of elastic models share: STS-B, the arms that are trained on it, and how they are measured.
struct ElasticBench {
    let bench: StudyBench
    let training: ArmTraining
    let test: ScoredPairs
    /// All layers and components of the base model.
    let full: ModelSize
    /// Of every arm.
    let base = CoSENTLoss(scale: 20)
    /// Sentences of the training split that principal components are computed of.
    private let sample: [String]

    init(_ bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        let pairs = try bench.stsBenchmark("train")
        let learned = Array(pairs.prefix(bench.choose(quick: 16, full: .max)))
        training = try ArmTraining(
            ArmExamples(learned, batchSize: bench.choose(quick: 16, full: 64)), bench: bench)
        test = ScoredPairs(Array(try bench.stsBenchmark("test").prefix(bench.choose(quick: 40, full: .max))))
        sample = Array(ScoredPairs(learned).texts.prefix(3_000))
        let model = try training.base()
        full = ModelSize(layers: model.layerCount, dimensions: model.dimensions)
    }

    // MARK: - Arms

    /// Fine-tuning of the whole model.
    func plain(_ seed: UInt64) -> Arm { separate(full, seed) }

    /// Fine-tuning of one size alone: what lies behind its layers is not even run.
    func separate(_ size: ModelSize, _ seed: UInt64, epochs: Int = 1) -> Arm {
        let loss: any EmbeddingLoss =
            size.dimensions == full.dimensions
            ? base : MatryoshkaLoss(base, dimensions: [size.dimensions])
        return Arm(
            name: "\(size) alone", loss: WholeModelLoss(loss, layers: size.layers), seed: seed, epochs: epochs
        )
    }

    /// The dimensions that Matryoshka losses train, largest first.
    static let dimensions = [384, 256, 128, 64, 32, 16, 8]

    func matryoshka(_ seed: UInt64) -> Arm {
        Arm(
            name: "MRL",
            loss: WholeModelLoss(MatryoshkaLoss(base, dimensions: Self.dimensions), layers: full.layers),
            seed: seed)
    }

    /// - Parameter alignmentWeight: of the divergence; 0 leaves it out.
    func twoDimensional(_ seed: UInt64, alignmentWeight: Float = 1) -> Arm {
        Arm(
            name: alignmentWeight > 0 ? "2DMSE" : "2DMSE without KL",
            loss: Matryoshka2DLoss(
                base, full: full, layers: Array(1..<full.layers),
                dimensions: Self.dimensions.dropFirst().reversed(),
                alignment: Alignment(weight: alignmentWeight)), seed: seed)
    }

    /// 2DMSE without all that reads the earlier layer: the last one, whole and cut to a size drawn for the step.
    func withoutLayers(_ seed: UInt64) -> Arm {
        Arm(
            name: "2DMSE without sub-layers",
            loss: SampledMatryoshkaLoss(
                MatryoshkaLoss(base, dimensions: Self.dimensions), count: 1, layers: full.layers), seed: seed)
    }

    /// - Parameter sizes: smallest first.
    func starbucks(_ sizes: [ModelSize], _ seed: UInt64, epochs: Int = 1) -> Arm {
        Arm(name: "SRL", loss: StarbucksLoss(base, sizes: sizes), seed: seed, epochs: epochs)
    }

    // MARK: - Measuring

    /// Spearman points on the test split of an arm after each of `layers`, of which 0 is the word embeddings, at `dimensions`.
    ///
    /// - Parameter arm: the base model, untouched, where nil.
    func figures(of arm: Arm?, layers: [Int], dimensions: [Int]) throws(KuklaError) -> [ModelSize: Double] {
        try figures(
            of: training.vectors(test.texts, of: arm, layers: layers), layers: layers, dimensions: dimensions)
    }

    /// The same, and beside it by the principal components of the training sentences' vectors after each layer.
    func figuresWithPrincipal(
        of arm: Arm, layers: [Int], dimensions: [Int]
    ) throws(KuklaError) -> (cut: [ModelSize: Double], principal: [ModelSize: Double]) {
        let cut = try training.vectors(test.texts, of: arm, layers: layers)
        var turned: [Matrix] = []
        for (sample, vectors) in zip(try training.vectors(sample, of: arm, layers: layers), cut) {
            turned.append(try PrincipalPrefixes(of: sample, threads: bench.threads)(vectors))
        }
        return (
            try figures(of: cut, layers: layers, dimensions: dimensions),
            try figures(of: turned, layers: layers, dimensions: dimensions)
        )
    }

    /// The figure of an arm at one size.
    func figure(of arm: Arm, at size: ModelSize) throws(KuklaError) -> [ModelSize: Double] {
        try figures(of: arm, layers: [size.layers], dimensions: [size.dimensions])
    }

    private func figures(
        of vectors: [Matrix], layers: [Int], dimensions: [Int]
    ) throws(KuklaError) -> [ModelSize: Double] {
        let dimensions = dimensions.sorted()
        var found: [ModelSize: Double] = [:]
        for (layer, vectors) in zip(layers, vectors) {
            for (size, value) in zip(dimensions, try test.spearman(vectors, dimensions: dimensions)) {
                found[ModelSize(layers: layer, dimensions: size)] = value
            }
        }
        return found
    }

    /// How models were trained, for the page.
    var note: String {
        "Every arm begins with MiniLM-L6 and sees the same \(bench.scale == .full ? "5,749" : "few") pairs of STS-B train in the same order for a seed: CoSENT, 1 epoch, and the recipe of docs/studies/sts.yaml (AdamW, rate 1e-4, batch 64, no dropout), which was chosen for plain fine-tuning on STS-B dev. Nothing was chosen by test figures. \(training.seconds.count) models stand behind the figures, \(Int(training.seconds.values.reduce(0, +))) s of training; weights and vectors are kept between runs, so the seconds above may not hold all of it. SICK is not in the collection."
    }
}
