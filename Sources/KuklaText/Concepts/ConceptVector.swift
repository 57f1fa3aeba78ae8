import KuklaNumerics

/// A sparse vector whose dimensions are named concepts: only those that are not zero, by rising number.
public struct ConceptVector: Sendable, Equatable {
    /// Numbers of concepts, rising.
    public let concepts: [Int32]
    /// What each counts, above 0 in what an encoder gives.
    public let values: [Float]

    /// - Precondition: as many values as concepts, and these rise.
    public init(concepts: [Int32], values: [Float]) {
        contract(
            concepts.count == values.count && zip(concepts, concepts.dropFirst()).allSatisfy { $0 < $1 },
            "ConceptVector: \(values.count) values for \(concepts.count) concepts, which must rise")
        self.concepts = concepts
        self.values = values
    }

    /// What is not zero in a dense row, of which only the `count` largest are kept where that is said.
    public init(_ row: [Float], keeping count: Int? = nil) {
        var active = row.indices.filter { row[$0] != 0 }
        if let count, active.count > count {
            active.sort { (-row[$0], $0) < (-row[$1], $1) }
            active = active.prefix(count).sorted()
        }
        self.init(concepts: active.map { Int32($0) }, values: active.map { row[$0] })
    }

    public var norm: Double { values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }

    /// Bytes of the vector as a list of numbers (2 bytes below 65,536 concepts, else 4) and float32 values.
    public func bytes(of conceptCount: Int) -> Int { values.count * (conceptCount <= 65_536 ? 6 : 8) }

    /// What each concept that both have adds to the cosine: `x_k y_k / (|x| |y|)`, largest first.
    ///
    /// They sum to the cosine; where a vector is zero there are none, and the cosine counts as 0.
    public func contributions(to other: ConceptVector) -> [(concept: Int, value: Double)] {
        let scale = norm * other.norm
        guard scale > 0 else { return [] }
        var found: [(concept: Int, value: Double)] = []
        var (i, j) = (0, 0)
        while i < concepts.count, j < other.concepts.count {
            if concepts[i] == other.concepts[j] {
                found.append((Int(concepts[i]), Double(values[i]) * Double(other.values[j]) / scale))
                i += 1
                j += 1
            } else if concepts[i] < other.concepts[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return found.sorted { (-$0.value, $0.concept) < (-$1.value, $1.concept) }
    }

    /// The sum of the contributions: the cosine.
    public func cosine(_ other: ConceptVector) -> Double {
        contributions(to: other).reduce(0) { $0 + $1.value }
    }
}
