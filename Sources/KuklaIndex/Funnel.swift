public import KuklaNumerics

/// How a search narrows: by few leading components among all vectors, then by more among the few that remain.
///
/// `24:200,96:50,384:10`: 24 components choose 200 of all, 96 choose 50 of these, 384 the 10 that are the answer. Sensible for
/// embeddings whose prefixes are good embeddings.
/// *Source:* adaptive retrieval and funnels of Kusupati et al. 2022, "Matryoshka representation learning", arXiv:2205.13147.
public struct Funnel: Sendable, Equatable, CustomStringConvertible {
    /// One step.
    public struct Stage: Sendable, Equatable, CustomStringConvertible {
        /// Leading components that are compared.
        public var dimensions: Int
        /// Vectors that are kept.
        public var count: Int

        public init(dimensions: Int, count: Int) {
            self.dimensions = dimensions
            self.count = count
        }

        public var description: String { "\(dimensions):\(count)" }
    }

    /// In their order: dimensions rise, counts do not.
    public let stages: [Stage]

    /// - Throws: `KuklaError.usage` where there is no stage, a number is below 1, dimensions do not rise or counts rise.
    public init(_ stages: [Stage]) throws(KuklaError) {
        let text = stages.map(\.description).joined(separator: ",")
        guard !stages.isEmpty, stages.allSatisfy({ $0.dimensions >= 1 && $0.count >= 1 }) else {
            throw KuklaError(
                .usage,
                "Cannot search through the funnel '\(text)': expected dimensions and counts of at least 1, as in 24:200,96:50,384:10."
            )
        }
        for (stage, next) in zip(stages, stages.dropFirst())
        where next.dimensions <= stage.dimensions || next.count > stage.count {
            throw KuklaError(
                .usage,
                "Cannot search through the funnel '\(text)': after \(stage) comes \(next); expected more dimensions and no more vectors, as in 24:200,96:50,384:10."
            )
        }
        self.stages = stages
    }

    /// Reads `24:200,96:50,384:10`.
    ///
    /// - Throws: `KuklaError.usage`.
    public init(parsing text: String) throws(KuklaError) {
        var stages: [Stage] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let numbers = part.split(separator: ":", omittingEmptySubsequences: false).map {
                Int($0.drop { $0 == " " })
            }
            guard numbers.count == 2, let dimensions = numbers[0], let count = numbers[1] else {
                throw KuklaError(
                    .usage,
                    "Cannot read the funnel '\(text)': '\(part)' is not DIMENSIONS:COUNT, as in 24:200,96:50,384:10."
                )
            }
            stages.append(Stage(dimensions: dimensions, count: count))
        }
        try self.init(stages)
    }

    public var description: String { stages.map(\.description).joined(separator: ",") }

    /// Multiplications that one query takes among `count` vectors: `count * D_1 + sum of K_(s-1) * D_s`.
    public func multiplications(among count: Int) -> Int {
        var (left, sum) = (count, 0)
        for stage in stages {
            sum += left * stage.dimensions
            left = min(left, stage.count)
        }
        return sum
    }
}
