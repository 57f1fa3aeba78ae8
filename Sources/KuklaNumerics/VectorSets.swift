/// Sets of vectors, one behind the other in one matrix: the token vectors of texts, the patches of pictures.
///
/// Set `i` is the rows `offsets[i]..<offsets[i + 1]` of `vectors`. A set may be empty.
public struct VectorSets: Sendable, Equatable {
    /// The vectors of all sets, `[rows, dimensions]`.
    public let vectors: Matrix
    /// Where each set begins, and the end: `count + 1` numbers that never fall, from 0 to `vectors.rows`.
    public let offsets: [Int]

    /// - Precondition: `offsets` begin with 0, never fall and end with `vectors.rows`.
    public init(vectors: Matrix, offsets: [Int]) {
        contract(
            Self.fault(in: offsets, rows: vectors.rows) == nil,
            "VectorSets: \(Self.fault(in: offsets, rows: vectors.rows) ?? "")")
        self.vectors = vectors
        self.offsets = offsets
    }

    /// A copy of `sets`, in their order.
    ///
    /// - Precondition: every set has `dimensions` columns.
    public init(_ sets: [Matrix], dimensions: Int) {
        let offsets = sets.reduce(into: [0]) { $0.append($0.last! + $1.rows) }
        let vectors = Matrix(rows: offsets.last!, columns: dimensions) { all in
            for (set, start) in zip(sets, offsets) {
                contract(
                    set.columns == dimensions,
                    "VectorSets: a set of \(set.columns) columns among \(dimensions) dimensions")
                set.withUnsafeBufferPointer {
                    _ = UnsafeMutableBufferPointer(rebasing: all[(start * dimensions)...]).update(from: $0)
                }
            }
        }
        self.init(vectors: vectors, offsets: offsets)
    }

    /// The number of sets.
    public var count: Int { offsets.count - 1 }
    /// Components of each vector.
    public var dimensions: Int { vectors.columns }

    /// The rows of `vectors` that belong to set `index`.
    public func rows(of index: Int) -> Range<Int> { offsets[index]..<offsets[index + 1] }

    /// The vectors of set `index`, without a copy.
    public subscript(index: Int) -> Matrix { vectors[rows: rows(of: index)] }

    /// The sets in `range`; their vectors are not copied.
    public subscript(sets range: Range<Int>) -> VectorSets {
        let start = offsets[range.lowerBound]
        return VectorSets(
            vectors: vectors[rows: start..<offsets[range.upperBound]],
            offsets: offsets[range.lowerBound...range.upperBound].map { $0 - start })
    }

    /// The sets at `indices`, copied in that order.
    public func gathering(_ indices: some Collection<Int>) -> VectorSets {
        VectorSets(
            vectors: vectors.gathering(rows: indices.flatMap { rows(of: $0) }),
            offsets: indices.reduce(into: [0]) { $0.append($0.last! + rows(of: $1).count) })
    }

    /// Why `offsets` are not those of sets in `rows` rows, or `nil`.
    package static func fault(in offsets: [Int], rows: Int) -> String? {
        guard offsets.first == 0 else {
            return "the offsets begin with \(offsets.first.map(String.init) ?? "nothing"), not with 0"
        }
        if let set = zip(offsets, offsets.dropFirst()).enumerated().first(where: { $1.0 > $1.1 })?.offset {
            return "the offsets fall from \(offsets[set]) to \(offsets[set + 1]) at set \(set)"
        }
        guard offsets.last == rows else {
            return "the offsets end with \(offsets.last!), and there are \(rows) vectors"
        }
        return nil
    }
}
