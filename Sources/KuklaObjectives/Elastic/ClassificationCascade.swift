public import KuklaNumerics

/// Adaptive classification: the smallest size answers where it is sure enough, the next larger one is asked where it is not.
///
/// How sure a size is, is its largest softmax probability.
/// *Source:* Kusupati et al. 2022, "Matryoshka representation learning", arXiv:2205.13147, section 4.2.1.
public struct ClassificationCascade: Sendable, Equatable {
    /// One size.
    public struct Level: Sendable, Equatable {
        public var dimensions: Int
        /// The least probability at which this size's answer stands; infinite where it never does.
        public var threshold: Float

        public init(dimensions: Int, threshold: Float) {
            self.dimensions = dimensions
            self.threshold = threshold
        }
    }

    /// Smallest first. The last one answers whatever is left.
    public let levels: [Level]

    public init(_ levels: [Level]) {
        contract(
            !levels.isEmpty
                && zip(levels, levels.dropFirst()).allSatisfy { $0.dimensions < $1.dimensions },
            "ClassificationCascade: sizes \(levels.map(\.dimensions)), expected rising numbers")
        self.levels = levels
    }

    /// Chooses thresholds on examples that training has not seen: from the largest size down, each the lowest at which the sizes from
    /// there on are right as often as without it, but for `tolerance`.
    ///
    /// *Shapes:* `heldOut` a matrix `[n, classes]` of probabilities for each of `dimensions`, `labels` n classes.
    /// - Parameter tolerance: the share of the examples that may be lost in all, 0 to 1; each size may lose an equal part.
    /// - Complexity: O(levels (n classes + n log n)).
    public init(
        choosingOn heldOut: [Matrix], labels: [Int], dimensions: [Int], tolerance: Double = 0
    ) {
        contract(
            heldOut.count == dimensions.count && heldOut.allSatisfy { $0.rows == labels.count },
            "ClassificationCascade: \(heldOut.map(\.rows)) rows for \(dimensions.count) sizes and \(labels.count) labels"
        )
        let answers = heldOut.map(Answer.rows)
        var levels = dimensions.map { Level(dimensions: $0, threshold: 0) }
        // Whether the sizes behind are right about each example.
        var isRight = zip(answers[answers.count - 1], labels).map { $0.label == $1 }
        let part = Double(labels.count) * tolerance / Double(max(1, levels.count - 1))
        for level in levels.indices.dropLast().reversed() {
            let own = answers[level]
            let order = own.indices.sorted { (own[$0].confidence, $1) > (own[$1].confidence, $0) }
            var threshold = Float.infinity
            var gained = 0
            for (place, example) in order.enumerated() {
                gained += (own[example].label == labels[example] ? 1 : 0) - (isRight[example] ? 1 : 0)
                let isLastOfEquals =
                    place + 1 == order.count
                    || own[order[place + 1]].confidence < own[example].confidence
                if isLastOfEquals, Double(gained) >= -part { threshold = own[example].confidence }
            }
            levels[level].threshold = threshold
            for example in own.indices where own[example].confidence >= threshold {
                isRight[example] = own[example].label == labels[example]
            }
        }
        self.init(levels)
    }

    /// What the cascade answers.
    public struct Outcome: Sendable, Equatable {
        /// The class of each example.
        public var labels: [Int]
        /// The dimensions that each took.
        public var dimensions: [Int]

        /// The mean of `dimensions`.
        public var expectedDimensions: Double {
            Double(dimensions.reduce(0, +)) / Double(max(1, dimensions.count))
        }
    }

    /// *Shapes:* a matrix `[n, classes]` of probabilities for each level.
    public func callAsFunction(_ probabilities: [Matrix]) -> Outcome {
        contract(
            probabilities.count == levels.count && Set(probabilities.map(\.rows)).count == 1,
            "ClassificationCascade: \(probabilities.map(\.rows)) rows for \(levels.count) levels")
        let answers = probabilities.map(Answer.rows)
        var outcome = Outcome(labels: [], dimensions: [])
        for example in answers[0].indices {
            let level =
                levels.indices.dropLast().first {
                    answers[$0][example].confidence >= levels[$0].threshold
                } ?? levels.count - 1
            outcome.labels.append(answers[level][example].label)
            outcome.dimensions.append(levels[level].dimensions)
        }
        return outcome
    }

    /// The likeliest class and its probability.
    private struct Answer {
        var label = 0
        var confidence = -Float.infinity

        static func rows(of probabilities: Matrix) -> [Answer] {
            (0..<probabilities.rows).map { row in
                probabilities.withUnsafeRow(row) { row in
                    row.enumerated().reduce(into: Answer()) { best, next in
                        if next.element > best.confidence {
                            best = Answer(label: next.offset, confidence: next.element)
                        }
                    }
                }
            }
        }
    }
}
