import KuklaText

/// The six sizes of the paper, from BERT-base's 12 layers and 768 dimensions brought to MiniLM's 6 and 384.
struct Cups {
    /// Smallest first; the last is the whole model.
    let sizes: [ModelSize]

    init(of full: ModelSize) {
        let divisors = [24, 12, 6, 3, 0, 1]
        sizes = divisors.enumerated().map { index, divisor in
            ModelSize(
                layers: full.layers * (index + 1) / 6,
                dimensions: divisor == 0 ? 2 * full.dimensions / 3 : full.dimensions / divisor)
        }
    }

    /// The three smallest.
    var small: ArraySlice<ModelSize> { sizes.prefix(3) }
    var largest: ModelSize { sizes[sizes.count - 1] }
    var layers: [Int] { sizes.map(\.layers) }
    var dimensions: [Int] { sizes.map(\.dimensions) }
}
