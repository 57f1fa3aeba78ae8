public import KuklaNumerics

/// A trained way to store float vectors as codes of a fixed size and to score queries against the codes.
///
/// Training returns a codec (`CodecConfiguration.train`): there is no untrained state. A codec is made for one
/// metric. Under `.cosine` every vector that comes in has norm 1 (the index sees to that); under
/// `.innerProduct` and `.squaredEuclidean` norms are the caller's.
public protocol VectorCodec: Sendable {
    /// The factory string that this codec was made from, as a value.
    var configuration: CodecConfiguration { get }
    var metric: Metric { get }
    /// Components of the vectors that go in.
    var dimensions: Int { get }
    /// How codes lie in memory.
    var layout: CodeLayout { get }
    /// Everything that training found, by name: with `configuration`, `metric` and `dimensions` it makes the
    /// same codec again.
    var parameters: [String: Matrix] { get }

    /// Writes the codes of all rows of `vectors` to `codes`, `layout.byteCount(of: vectors.rows)` bytes. Slots of
    /// the last block past the last row are zero.
    ///
    /// - Precondition: `vectors.columns == dimensions`; all components finite.
    func encode(_ vectors: Matrix, into codes: UnsafeMutableRawBufferPointer, threads: Int)

    /// The vectors that codes stand for, `[count, dimensions]`: what is lost is the codec's error.
    func decode(_ codes: UnsafeRawBufferPointer, count: Int) -> Matrix

    /// Prepares one or more queries `[queries, dimensions]` for scoring against codes of this codec.
    func scorer(for queries: Matrix) -> any CodeScorer

    /// Whether a scorer for several queries is cheap to make, beside a few hundred scores, and faster than theirs one by one: then
    /// lists make one for each group of queries. By default false.
    var scoresGroups: Bool { get }

    /// The same codec with codes of one vector a block, so that single codes can be picked out; `nil` where there is
    /// no such layout. By default the codec itself, where its codes lie so.
    var rowwise: (any VectorCodec)? { get }

    /// Prepares one query `[1, dimensions]` for scoring against codes that are picked out one by one. There is a
    /// default for every codec.
    ///
    /// - Precondition: `layout.vectorsPerBlock == 1`.
    func randomAccessScorer(for query: Matrix) -> any RandomAccessScorer
}

/// How the codes of a codec lie in memory: in blocks of one or more vectors, without gaps.
public struct CodeLayout: Hashable, Sendable {
    public let vectorsPerBlock: Int
    public let bytesPerBlock: Int
    private let interleaving: InterleavedCodes?

    /// A layout in which the codes of a block lie one after the other.
    public init(vectorsPerBlock: Int = 1, bytesPerBlock: Int) {
        self.init(vectorsPerBlock: vectorsPerBlock, bytesPerBlock: bytesPerBlock, interleaving: nil)
    }

    init(vectorsPerBlock: Int, bytesPerBlock: Int, interleaving: InterleavedCodes?) {
        self.vectorsPerBlock = vectorsPerBlock
        self.bytesPerBlock = bytesPerBlock
        self.interleaving = interleaving
    }

    /// Bytes that one more vector costs.
    public var bytesPerVector: Double { Double(bytesPerBlock) / Double(vectorsPerBlock) }

    /// Blocks that hold `count` vectors.
    public func blockCount(of count: Int) -> Int { (count + vectorsPerBlock - 1) / vectorsPerBlock }

    /// Bytes that hold `count` vectors: whole blocks.
    public func byteCount(of count: Int) -> Int { blockCount(of: count) * bytesPerBlock }

    /// Copies the code of vector `from` of `source` to the place of vector `to` of `target`.
    ///
    /// - Precondition: `source` and `target` are the first blocks of codes that hold these places.
    package func copy(
        _ source: UnsafeRawPointer, at from: Int, to target: UnsafeMutableRawPointer, at to: Int
    ) {
        let (sourceBlock, slot) = from.quotientAndRemainder(dividingBy: vectorsPerBlock)
        let (targetBlock, other) = to.quotientAndRemainder(dividingBy: vectorsPerBlock)
        let (source, target) = (source + sourceBlock * bytesPerBlock, target + targetBlock * bytesPerBlock)
        guard let interleaving else {
            let bytes = bytesPerBlock / vectorsPerBlock
            (target + other * bytes).copyMemory(from: source + slot * bytes, byteCount: bytes)
            return
        }
        interleaving.copy(source, slot: slot, to: target, slot: other)
    }
}

/// Queries made ready to be scored against codes. Safe to use from several threads at once.
public protocol CodeScorer: Sendable {
    var queryCount: Int { get }

    /// Scores all queries against the codes of `count` vectors that start at a block boundary.
    ///
    /// `scores[q * stride + i]` = score of query `q` and vector `i` by the codec's metric (larger is better; see
    /// `Metric`). `stride >= layout.blockCount(of: count) * vectorsPerBlock`: slots past `count` are left undefined.
    func score(
        _ codes: UnsafeRawPointer, count: Int, into scores: UnsafeMutablePointer<Float>, stride: Int)
}
