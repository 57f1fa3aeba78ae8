import Foundation
import KuklaCodecs
import KuklaFormats
public import KuklaIndex
public import KuklaNumerics

/// What an index and its vectors look like, how much its searches find, and what to change.
public struct IndexExamination: Sendable, Codable {
    public let factory: IndexConfiguration
    public let count: Int
    public let dimensions: Int
    public let bytesPerVector: Double
    /// Over a sample of the vectors (`LocalDimension`): the 5th percentile, the median and the 95th.
    public let localDimension: [Double]
    /// The skewness of how often a vector of the sample is among the `k` nearest of another: above 1 or so a few vectors,
    /// hubs, are near to many (Radovanovic et al. 2010, "Hubs in space").
    public let hubness: Double
    /// The graph's links, where the index has a graph.
    public let graph: GraphDiagnosis?
    /// What searches find as the index is set, of the best `k` by its finest codes.
    public let present: EffortMeasurement?
    /// The least effort that finds the wanted part of them, or the most that the codes allow.
    public let recommended: EffortMeasurement?
    public let wantedRecall: Double
    public let k: Int
    /// Sentences: what is wrong, and what to do.
    public private(set) var advice: [String] = []

    /// - Parameters:
    ///   - recall: how much searches should find.
    ///   - queries: what is asked; some of the stored vectors where `nil`, taken out of a copy of the index first where it
    ///     can forget.
    ///   - sample: how many vectors are looked at.
    /// - Throws: as a search does; `usage` for an index of fewer than 20 vectors.
    /// - Complexity: O(sample * count * dimensions).
    public init(
        of index: any CodedIndex, recall: Double = 0.95, queries: Matrix? = nil, count k: Int = 10,
        sample wanted: Int = 2000, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) {
        guard index.count >= 20 else {
            throw KuklaError(
                .usage, "Cannot examine an index of \(index.count) vectors: expected at least 20.")
        }
        contract((0...1).contains(recall), "IndexExamination: recall \(recall)")
        factory = index.configuration
        (count, dimensions, bytesPerVector) = (index.count, index.dimensions, index.bytesPerVector)
        (wantedRecall, self.k) = (recall, min(k, index.count - 1))
        var random = RandomSource(seed: seed)
        let places = random.sample(min(wanted, index.count), below: index.count)
        let vectors = index.vectors(0..<index.count)
        let estimates = try LocalDimension.estimate(
            vectors, metric: index.metric, rows: places, threads: threads, progress: progress
        ).map { Double($0) }.sorted()
        localDimension = [0.05, 0.5, 0.95].map { estimates[Int($0 * Double(estimates.count - 1))] }
        hubness = try Self.hubness(
            of: vectors.gathering(rows: places), metric: index.metric, count: self.k, threads: threads)
        graph = (index as? HNSWIndex)?.diagnosis()
        progress.begin("Measuring recall", total: nil, unit: "efforts")
        defer { progress.end() }
        (present, recommended) = try Self.measured(
            index, recall: recall, queries: queries, count: self.k, seed: seed, threads: threads)
        advice = sentences
    }

    private static func measured(
        _ index: any CodedIndex, recall: Double, queries: Matrix?, count k: Int, seed: UInt64, threads: Int
    ) throws(KuklaError) -> (present: EffortMeasurement?, recommended: EffortMeasurement?) {
        guard var trial = index as? any ApproximateIndex & CodedIndex else { return (nil, nil) }
        var asked = queries ?? Matrix(rows: 0, columns: index.dimensions)
        if queries == nil { (trial, asked) = try trial.heldOut(256, seed: seed) }
        let k = min(k, trial.count)
        let exact = try trial.exactSearch(asked, count: k, threads: threads).map { $0.map(\.id) }
        let present = try trial.measureEffort(asked, exact: exact, count: k)
        let found = try trial.chooseEffort(
            recall: recall, queries: asked, count: k, exact: exact, threads: threads)
        return (present, found)
    }

    /// The skewness of how often each of the vectors is among the `k` nearest of another of them.
    private static func hubness(
        of vectors: Matrix, metric: Metric, count k: Int, threads: Int
    ) throws(KuklaError) -> Double {
        var index = FlatIndex(codec: FloatCodec(metric: metric, dimensions: vectors.columns))
        try index.insert(vectors, threads: threads)
        var occurrences = [Double](repeating: 0, count: vectors.rows)
        let found = try index.search(vectors, count: min(k + 1, vectors.rows), threads: threads)
        for (row, list) in found.enumerated() {
            for match in list.filter({ $0.id != row }).prefix(k) { occurrences[match.id] += 1 }
        }
        let n = Double(vectors.rows)
        let mean = occurrences.reduce(0, +) / n
        func moment(_ power: Double) -> Double { occurrences.reduce(0) { $0 + pow($1 - mean, power) } / n }
        return moment(2) > 0 ? moment(3) / pow(moment(2), 1.5) : 0
    }

    private var sentences: [String] {
        var all: [String] = []
        if let graph, graph.unreachable > 0 {
            all.append(
                "\(Quantity.count(graph.unreachable)) vectors cannot be reached by any walk: build the graph anew, with more links (HNSW\(2 * (linksOfGraph ?? 16)))."
            )
        }
        if let present, let recommended {
            if recommended.recall < wantedRecall {
                all.append(
                    "No effort finds \(Quantity.fraction(wantedRecall)) of the best \(k): the codes rank otherwise. Add a refinement, such as Refine(SQ8), or take finer codes."
                )
            } else if present.recall < wantedRecall {
                all.append(
                    "Searches find \(Quantity.fraction(present.recall)) at effort \(present.effort): search with --effort \(recommended.effort), which finds \(Quantity.fraction(recommended.recall)) at \(Quantity.rate(recommended.queriesPerSecond)) queries/s on one thread, or build with --recall \(wantedRecall)."
                )
            } else if Double(recommended.effort) < 0.7 * Double(present.effort) {
                all.append(
                    "Effort \(recommended.effort) is enough for a recall of \(Quantity.fraction(recommended.recall)) and faster than the present \(present.effort)."
                )
            }
            if let links = linksOfGraph, recommended.effort > 20 * k {
                all.append(
                    "The effort is high because many vectors are about equally near (local dimension \(Quantity.fraction(localDimension[1], decimals: 1))): more links (HNSW\(2 * links)) or a larger efConstruction (HNSW\(links)_512) make walks surer."
                )
            }
        }
        if hubness > 5 {
            all.append(
                "Some vectors are near to very many (hubness \(Quantity.fraction(hubness, decimals: 1))): centring the vectors (PCA\(dimensions)) often helps."
            )
        }
        if all.isEmpty { all.append("Nothing stands out.") }
        return all
    }

    private var linksOfGraph: Int? {
        if case .graph(let graph) = factory.structure { graph.links } else { nil }
    }
}
