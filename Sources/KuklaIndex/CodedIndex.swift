public import KuklaCodecs
public import KuklaNumerics

/// An index that keeps vectors as codes: what a factory string names and a collection file holds.
public protocol CodedIndex: Insertable {
    /// What the index is made of, as a factory string says it.
    var configuration: IndexConfiguration { get }
    var codec: any VectorCodec { get }
    /// How the best candidates are ranked again.
    var refinement: FlatIndex.Refinement? { get }
    /// Bytes of memory that one more vector costs: codes, the refinement's codes unless they stay in a file, and what the
    /// index keeps beside them.
    var bytesPerVector: Double { get }
    /// Bytes that the index takes beside `bytesPerVector` for each vector, however many there are: parameters of codecs,
    /// centres of lists.
    var fixedBytes: Int { get }
    /// What searches read from the file of the refinement's codes; `nil` where they are in memory.
    var fileReads: ReadCounter? { get }

    /// The finest approximations of the stored vectors in `places`, `[places.count, dimensions]`, in the order in which
    /// they are stored: that of their ids, unless vectors were removed or inserted in another order. Under cosine they
    /// are what was stored: vectors of norm 1.
    ///
    /// - Precondition: `places` lies in `0..<count`.
    func vectors(_ places: Range<Int>) -> Matrix

    /// The id of the vector in `place`, in the order of `vectors`.
    func id(at place: Int) -> Int
}

extension CodedIndex {
    /// This index with another effort of its searches (`ApproximateIndex.effort`).
    ///
    /// - Throws: `KuklaError.usage` where its searches have no effort to choose, or `effort` is less than 1.
    public func searched(withEffort effort: Int) throws(KuklaError) -> any CodedIndex {
        guard var index = self as? any ApproximateIndex & CodedIndex else {
            throw KuklaError(
                .usage,
                "Cannot search '\(configuration)' with an effort of \(effort): it compares all vectors. Leave the effort out."
            )
        }
        guard effort >= 1 else {
            throw KuklaError(.usage, "Cannot search with an effort of \(effort): expected at least 1.")
        }
        index.effort = effort
        return index
    }

    public func id(at place: Int) -> Int { place }

    public var fixedBytes: Int { codecBytes }

    /// Bytes of the codecs' parameters.
    var codecBytes: Int {
        [codec, refinement?.codec].compactMap { $0 }.flatMap(\.parameters.values)
            .reduce(0) { $0 + 4 * $1.rows * $1.columns }
    }

    /// Bytes in a file that one more vector costs and that are not held in memory: finer codes of a tiered refinement.
    public var fileBytesPerVector: Double { refinement?.bytesPerVector(inFile: true) ?? 0 }
}

/// An index that is written to a collection file when it is whole.
protocol SectionedIndex: CodedIndex {
    var refineCodes: FineCodes { get set }

    /// Writes codes, the refinement's codes and what the index needs beside them.
    func write(to sections: SectionWriter) throws(KuklaError)

    /// The section in which something is wrong that only reading all of it shows, and what, if anything is.
    func problem() -> (section: String, what: String)?
}

extension FlatIndex.Refinement {
    /// Bytes of the finer codes of a vector in a file, or else in memory.
    func bytesPerVector(inFile: Bool) -> Double { isTiered == inFile ? codec.layout.bytesPerVector : 0 }
}
