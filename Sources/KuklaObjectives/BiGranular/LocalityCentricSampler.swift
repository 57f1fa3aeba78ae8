public import KuklaNN
import KuklaNumerics

/// Batches in which the documents are hard for one another's queries: each is gathered by a walk from a query to a negative of
/// its candidates and on to the queries that have this one among theirs.
///
/// An item is a triple of the graph (`CandidateGraph.triple(of:)`). Every query comes once an epoch. Where a walk ends, it goes on
/// from a random query; no negative stands twice in a batch where others are to be had.
/// *Source:* Xiao et al. 2022, "Progressively optimized bi-granular document representation for scalable embedding based
/// retrieval", arXiv:2201.05409, section 3.3.
public struct LocalityCentricSampler: BatchSampler {
    /// How a walk goes on.
    public enum Walk: String, Sendable, RecipeChoice {
        /// From the query that was found last: far.
        case randomWalk = "random_walk"
        /// From the query that was found first: around where it began.
        case snowSample = "snow_sample"
        /// It does not: batches of random queries.
        case shuffled
    }

    public let graph: CandidateGraph
    public let batchSize: Int
    public let walk: Walk
    public let seed: UInt64
    private let neighbours: [[Int]]

    /// - Precondition: `batchSize > 0`.
    public init(_ graph: CandidateGraph, batchSize: Int, walk: Walk, seed: UInt64) {
        contract(batchSize > 0, "LocalityCentricSampler: batches of \(batchSize)")
        self.graph = graph
        self.batchSize = batchSize
        self.walk = walk
        self.seed = seed
        neighbours = walk == .shuffled ? [] : graph.queriesByCandidate()
    }

    public func batches(inEpoch epoch: Int) -> [[Int]] {
        var random = RandomSource(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
        let order = random.sample(graph.queryCount, below: graph.queryCount)
        var isUsed = [Bool](repeating: false, count: graph.queryCount)
        var next = 0
        var batches: [[Int]] = []
        var batch: [Int] = []
        var documents = Set<Int>()
        var frontier: [Int] = []
        var first = 0
        while true {
            var query: Int?
            while query == nil, first < frontier.count {
                let found = walk == .snowSample ? frontier[first] : frontier.removeLast()
                if walk == .snowSample { first += 1 }
                if !isUsed[found] { query = found }
            }
            while query == nil, next < order.count {
                if !isUsed[order[next]] { query = order[next] }
                next += 1
            }
            guard let query else { break }
            isUsed[query] = true
            let item = graph.item(query, avoiding: documents, using: &random)
            let triple = graph.triple(of: item)
            batch.append(item)
            documents.formUnion([triple.positive, triple.negative])
            if batch.count == batchSize {
                batches.append(batch)
                (batch, documents, frontier, first) = ([], [], [], 0)
            } else if walk != .shuffled {
                frontier += neighbours[triple.negative].filter { !isUsed[$0] }.shuffled(using: &random)
            }
        }
        if !batch.isEmpty { batches.append(batch) }
        return batches
    }
}
