import KuklaNumerics
import KuklaText

/// The sizes that a run trains, held against the model, and the loss that trains them.
struct ElasticSizes {
    let method: MatryoshkaOptions.Method
    let full: ModelSize
    /// The sizes to be measured, largest first, the full one among them.
    let sizes: [ModelSize]
    private let options: MatryoshkaOptions
    /// Falling and rising; the full ones among them.
    private let dimensions, layers: [Int]

    /// - Throws: `KuklaError.usage` where sizes are not the model's, not in order, or do not go together.
    init(_ options: MatryoshkaOptions, full: ModelSize) throws(KuklaError) {
        self.full = full
        self.options = options
        method = options.method ?? (options.layers.isEmpty ? .mrl : .twoDimensional)
        var dimensions = options.dimensions
        if dimensions.isEmpty {
            dimensions = method == .starbucks ? Self.cups(of: full) : ModelSize.halvings(of: full.dimensions)
        }
        try Self.check(
            dimensions, "dimensions", limit: full.dimensions, order: "falling, as in 384,192,96", by: >)
        try Self.check(options.layers, "layers", limit: full.layers, order: "rising, as in 2,4,6", by: <)
        self.dimensions = dimensions.first == full.dimensions ? dimensions : [full.dimensions] + dimensions
        switch method {
        case .mrl:
            guard options.layers.isEmpty else {
                throw KuklaError(
                    .usage,
                    "Cannot train layers \(Self.words(options.layers)) by mrl, which trains the whole model at several dimensions: take the recipe 2dmse or starbucks, or leave --layers out."
                )
            }
            layers = [full.layers]
            sizes = self.dimensions.map { ModelSize(layers: full.layers, dimensions: $0) }
        case .twoDimensional:
            var layers = options.layers.isEmpty ? Array(1...full.layers) : options.layers
            if layers.last != full.layers { layers.append(full.layers) }
            let kept = self.dimensions
            guard layers.count > 1, kept.count > 1 else {
                throw KuklaError(
                    .usage,
                    "Cannot train by 2dmse: expected a layer below the \(full.layers) and dimensions below the \(full.dimensions) of the model; found layers \(Self.words(layers)) and dimensions \(Self.words(kept))."
                )
            }
            self.layers = layers
            sizes = layers.reversed().flatMap { layer in
                kept.map { ModelSize(layers: layer, dimensions: $0) }
            }
        case .starbucks:
            var layers = options.layers
            if layers.isEmpty {
                layers = Self.spread(dimensions.count, over: full.layers)
            }
            guard layers.count == dimensions.count else {
                throw KuklaError(
                    .usage,
                    "Cannot train by starbucks: expected as many layers as dimensions, a pair for each size; found layers \(Self.words(layers)) and dimensions \(Self.words(dimensions))."
                )
            }
            self.layers = layers
            let pairs = zip(layers.reversed(), dimensions).map { ModelSize(layers: $0, dimensions: $1) }
            sizes = pairs.first == full ? pairs : [full] + pairs
        }
        guard options.weights.isEmpty || options.weights.count == dimensions.count else {
            throw KuklaError(
                .usage,
                "Cannot weigh \(dimensions.count) sizes (\(Self.words(dimensions))) by \(options.weights.count) weights: give one for each."
            )
        }
        guard options.weights.isEmpty || method == .mrl else {
            throw KuklaError(
                .usage, "Cannot weigh the sizes of \(method.rawValue): weights are for the recipe mrl.")
        }
        if let count = options.dimensionsPerStep, method != .mrl || count >= self.dimensions.count {
            throw KuklaError(
                .usage,
                "Cannot take \(count) sizes a step: expected the recipe mrl and at most \(self.dimensions.count - 1), the sizes below the whole; found \(method.rawValue) and the dimensions \(Self.words(self.dimensions))."
            )
        }
    }

    /// - Throws: `KuklaError.usage` where the base cannot see some size.
    func loss(_ base: any EmbeddingLoss) throws(KuklaError) -> any LayeredLoss {
        if base is AnglELoss, let odd = dimensions.first(where: { $0 % 2 != 0 }) {
            throw KuklaError(
                .usage,
                "Cannot train \(odd) dimensions by the loss angle, which halves them: give even numbers, or the loss cosent."
            )
        }
        switch method {
        case .mrl:
            let weights =
                options.weights.isEmpty
                ? nil
                : [Float](repeating: 1, count: dimensions.count - options.weights.count) + options.weights
            let loss = MatryoshkaLoss(base, dimensions: dimensions, weights: weights)
            guard let count = options.dimensionsPerStep else {
                return WholeModelLoss(loss, layers: full.layers)
            }
            return SampledMatryoshkaLoss(loss, count: count, layers: full.layers)
        case .twoDimensional:
            return Matryoshka2DLoss(
                base, full: full, layers: Array(layers.dropLast()),
                dimensions: Array(dimensions.dropFirst()), alignment: alignment(weight: 1))
        case .starbucks:
            return StarbucksLoss(base, sizes: sizes.reversed(), alignment: alignment(weight: 0.3))
        }
    }

    private func alignment(weight: Float) -> Alignment {
        Alignment(
            over: options.alignment, weight: options.alignmentWeight ?? weight,
            temperature: options.alignmentTemperature)
    }

    /// What a model's card says.
    var objective: String {
        switch method {
        case .mrl: "Matryoshka over \(Self.words(dimensions)) dimensions"
        case .twoDimensional:
            "2-D Matryoshka over \(Self.words(dimensions)) dimensions and \(Self.words(layers)) layers"
        case .starbucks:
            "Starbucks over the sizes \(sizes.map(\.description).joined(separator: ", ")) (layers x dimensions)"
        }
    }

    /// The six sizes of the Starbucks paper, or as many as there are layers.
    private static func cups(of full: ModelSize) -> [Int] {
        let whole = full.dimensions
        let cups = [whole, 2 * whole / 3, whole / 3, whole / 6, whole / 12, whole / 24]
        return Array(cups.filter { $0 >= 8 || $0 == whole }.prefix(full.layers))
    }

    /// `count` layers up to all of them, at even distances; each at least 1.
    private static func spread(_ count: Int, over layers: Int) -> [Int] {
        (1...count).map { max(1, (2 * layers * $0 + count) / (2 * count)) }
    }

    private static func check(
        _ numbers: [Int], _ what: String, limit: Int, order: String, by areInOrder: (Int, Int) -> Bool
    ) throws(KuklaError) {
        if let bad = numbers.first(where: { !(1...limit).contains($0) }) {
            throw KuklaError(
                .usage,
                "Cannot train \(bad) \(what): the model has \(limit). Give numbers from 1 to \(limit)."
            )
        }
        guard zip(numbers, numbers.dropFirst()).allSatisfy(areInOrder) else {
            throw KuklaError(
                .usage, "Cannot train the \(what) \(words(numbers)): give them \(order), none twice.")
        }
    }

    private static func words(_ numbers: [Int]) -> String {
        numbers.map(String.init).joined(separator: ",")
    }
}
