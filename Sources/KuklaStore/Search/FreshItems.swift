import KuklaCodecs
import KuklaIndex
import KuklaNumerics

/// The vectors of items that are not in the index yet: compared one by one, from memory.
///
/// A value; a copy is a snapshot for readers. Chunks double as they grow, so that one more item copies few others.
struct FreshItems: Sendable {
    private struct Chunk: Sendable {
        /// Rising.
        var sequences: [Int64]
        var index: FlatIndex
        var live: RowSet
    }

    /// A chunk of so many is not copied again.
    private static let largestChunk = 4096

    private let codec: FloatCodec
    private var chunks: [Chunk] = []
    /// Items that were not removed.
    private(set) var count = 0
    /// Vectors that are held, those of removed items too: fewer than twice `count` and one a chunk.
    var heldCount: Int { chunks.reduce(0) { $0 + $1.sequences.count } }

    init(_ settings: CollectionSettings) {
        codec = FloatCodec(metric: settings.metric, dimensions: settings.dimensions)
    }

    /// Adds items whose sequences lie above all that are here.
    ///
    /// - Throws: `KuklaError.badData` where a vector cannot be compared, naming its row.
    mutating func append(_ sequences: [Int64], _ vectors: Matrix, threads: Int) throws(KuklaError) {
        guard !sequences.isEmpty else { return }
        var (sequences, vectors) = (sequences, vectors)
        while let last = chunks.last, last.sequences.count <= 2 * sequences.count,
            last.sequences.count + sequences.count <= Self.largestChunk
        {
            let kept = last.sequences.indices.filter(last.live.contains)
            vectors = last.index.vectors(0..<last.index.count).gathering(rows: kept).appending(vectors)
            sequences = kept.map { last.sequences[$0] } + sequences
            chunks.removeLast()
            count -= kept.count
        }
        var index = FlatIndex(codec: codec)
        try index.insert(vectors, threads: threads)
        chunks.append(
            Chunk(sequences: sequences, index: index, live: RowSet(capacity: sequences.count, excluding: [])))
        count += sequences.count
    }

    /// Forgets an item, if it is here. A chunk of which more than half is gone is written anew: where items come and go, memory stays
    /// what the items that are there need.
    mutating func remove(_ sequence: Int64, threads: Int) throws(KuklaError) {
        guard let place = chunks.firstIndex(where: { $0.sequences.last! >= sequence }),
            case let row = chunks[place].sequences.partitionIndex(of: sequence),
            chunks[place].sequences[row] == sequence, chunks[place].live.contains(row)
        else { return }
        chunks[place].live.remove(row)
        count -= 1
        let chunk = chunks[place]
        guard 2 * chunk.live.count < chunk.sequences.count else { return }
        let kept = chunk.sequences.indices.filter(chunk.live.contains)
        guard !kept.isEmpty else {
            chunks.remove(at: place)
            return
        }
        var index = FlatIndex(codec: codec)
        try index.insert(
            chunk.index.vectors(0..<chunk.index.count).gathering(rows: kept), threads: threads)
        chunks[place] = Chunk(
            sequences: kept.map { chunk.sequences[$0] }, index: index,
            live: RowSet(capacity: kept.count, excluding: []))
    }

    /// The `k` best for each query.
    ///
    /// - Parameter allowed: sequences that may be found, rising; `nil` for all.
    func search(
        _ queries: Matrix, count k: Int, among allowed: [Int64]?, threads: Int
    ) throws(KuklaError) -> [[ScoredItem]] {
        var best = [[ScoredItem]](repeating: [], count: queries.rows)
        for chunk in chunks {
            var rows = chunk.live
            if let allowed {
                rows = rows.intersection(
                    allowed.rows(among: chunk.sequences.count) { chunk.sequences[$0] })
            }
            guard rows.count > 0 else { continue }
            let found = try chunk.index.search(
                queries, count: min(k, chunk.index.count), allowing: rows, threads: threads)
            for (query, matches) in found.enumerated() {
                best[query] = ScoredItem.best(
                    k, of: best[query] + matches.map { ScoredItem(chunk.sequences[$0.id], $0) })
            }
        }
        return best
    }
}

/// An item that a search found, by the operation that wrote it.
struct ScoredItem: Sendable {
    let sequence: Int64
    let score: Float
    let distance: Float

    init(_ sequence: Int64, _ match: Match) {
        self.sequence = sequence
        score = match.score
        distance = match.distance
    }

    /// The `k` best of some that stand once each; of equal scores the older one.
    static func best(_ k: Int, of items: [ScoredItem]) -> [ScoredItem] {
        Array(
            items.sorted { $0.score > $1.score || ($0.score == $1.score && $0.sequence < $1.sequence) }
                .prefix(k))
    }
}

extension [Int64] {
    /// The place of the first number that is not below `value`, in a rising array.
    func partitionIndex(of value: Int64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The rows, of `count`, whose sequences are among these rising ones; the sequences of rows rise too.
    func rows<Failure: Error>(
        among count: Int, sequence: (Int) throws(Failure) -> Int64
    ) throws(Failure) -> RowSet {
        var found = RowSet(capacity: count)
        guard count > 0 else { return found }
        var (row, reached) = (0, try sequence(0))
        for wanted in self {
            // Sequences rise by at least one a row: a row further on than that cannot be meant.
            guard wanted >= reached else { continue }
            var (low, high) = (row, Swift.min(count, row + Int(wanted - reached) + 1))
            while low < high {
                let middle = (low + high) / 2
                if try sequence(middle) < wanted { low = middle + 1 } else { high = middle }
            }
            guard low < count else { break }
            (row, reached) = (low, try sequence(low))
            if reached == wanted { found.insert(row) }
        }
        return found
    }
}
