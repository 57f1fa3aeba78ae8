import Foundation
import KuklaCodecs
import KuklaIndex
import KuklaNN
import KuklaNumerics
import KuklaObjectives

/// Learned codes against unsupervised ones, and heads that rank their candidates against each other, on one set.
struct BiDRComparison {
    let set: BiDRSet
    let bench: StudyBench

    /// The figures of one seed; parts of 1.
    private struct Figures {
        /// Recall@100 of the first head's vectors themselves: what codes of them lose from.
        var denseRecall = 0.0
        var productRecall = 0.0
        var optimizedRecall = 0.0
        var learnedRecall = 0.0
        /// Recall@100 of short codes, unsupervised and learned.
        var shortRecall = (optimized: Double.nan, learned: Double.nan)
        /// The fewest centroids that a piece of the codes uses.
        var fewestCentroids = 0.0
        /// nDCG@10 of candidates, by what ranks them.
        var global = 0.0
        var walks: [LocalityCentricSampler.Walk: Double] = [:]
        /// The walk whose head ranks best for queries that were kept out of training.
        var chosen = LocalityCentricSampler.Walk.randomWalk
        /// nDCG@10 of all documents, by that head.
        var everything = 0.0
        var residentBytes = 0.0
        var bytesRead = 0.0
    }

    private static let walks: [LocalityCentricSampler.Walk] = [.randomWalk, .snowSample, .shuffled]

    /// Candidates of a query: 5 % of the documents, in tens.
    private var factor: Int { max(1, set.documents.rows / 200) }
    private var candidates: Int { 10 * factor }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var all: [Figures] = []
        for seed in bench.seeds { all.append(try figures(seed: seed)) }
        func mean(_ value: (Figures) -> Double) -> Double { all.map(value).reduce(0, +) / Double(all.count) }
        func each(_ value: (Figures) -> Double, decimals: Int = 2) -> String {
            "seeds " + all.map { String(format: "%.\(decimals)f", value($0)) }.joined(separator: ", ")
        }
        func walk(_ walk: LocalityCentricSampler.Walk) -> (Figures) -> Double { { $0.walks[walk] ?? .nan } }
        findings.tables.append(
            StudyTable(
                "\(set.name): \(set.documents.rows) documents, \(set.training.queries.rows) training and \(set.test.queries.rows) test queries; mean of \(all.count) seeds",
                columns: ["what", "measure", "value"],
                rows: [
                    ["frozen vectors, all documents", "nDCG@10", .number(try frozen(10), decimals: 4)],
                    ["frozen vectors, all documents", "Recall@100", .number(try frozen(100), decimals: 4)],
                    [
                        .text("PQ\(BiDRStudy.codeBytes) of the first head"), "Recall@100",
                        .number(mean(\.productRecall), decimals: 4),
                    ],
                    [
                        .text("OPQ\(BiDRStudy.codeBytes) of the first head"), "Recall@100",
                        .number(mean(\.optimizedRecall), decimals: 4),
                    ],
                    ["vectors of the first head", "Recall@100", .number(mean(\.denseRecall), decimals: 4)],
                    ["learned codes", "Recall@100", .number(mean(\.learnedRecall), decimals: 4)],
                    [
                        .text("OPQ\(BiDRStudy.shortCodeBytes) of the first head"), "Recall@100",
                        .number(mean(\.shortRecall.optimized), decimals: 4),
                    ],
                    [
                        .text("learned codes of \(BiDRStudy.shortCodeBytes) bytes"), "Recall@100",
                        .number(mean(\.shortRecall.learned), decimals: 4),
                    ],
                    [
                        "learned codes: fewest centroids in use of 256", "count",
                        .number(mean(\.fewestCentroids), decimals: 0),
                    ],
                    ["candidates by the first head", "nDCG@10", .number(mean(\.global), decimals: 4)],
                ]
                    + Self.walks.map {
                        [
                            .text("candidates by a head trained on them, \($0.rawValue)"), "nDCG@10",
                            .number(mean(walk($0)), decimals: 4),
                        ]
                    } + [
                        [
                            "all documents by the head of the chosen walk", "nDCG@10",
                            .number(mean(\.everything), decimals: 4),
                        ]
                    ]))
        func gain(_ a: @escaping (Figures) -> Double, _ b: @escaping (Figures) -> Double)
            -> (Figures) -> Double
        { { 100 * (a($0) - b($0)) } }
        // Codes that lose nothing would find as much as the vectors that they stand for.
        func noRoom(_ word: String, _ recall: (Figures) -> Double, wanted: Double) -> String? {
            let room = 100 * (mean(\.denseRecall) - mean(recall))
            return room >= wanted
                ? nil
                : String(
                    format:
                        "\(word) loses %.2f points of what the vectors themselves find: there is no room.",
                    room)
        }
        let codes = gain(\.learnedRecall, \.optimizedRecall)
        let product = gain(\.learnedRecall, \.productRecall)
        let chosen: (Figures) -> Double = { $0.walks[$0.chosen] ?? .nan }
        let local = gain(chosen, \.global)
        let gathered = gain(chosen, walk(.shuffled))
        let kept: (Figures) -> Double = { chosen($0) / max($0.everything, 1e-9) }
        let names = "walks " + all.map(\.chosen.rawValue).joined(separator: ", ")
        findings.bars += [
            StudyBar(
                "1. \(set.name): Recall@100 of learned codes over unsupervised OPQ, points", mean(codes),
                .atLeast, 2, note: each(codes),
                notReproduced: noRoom("OPQ", \.optimizedRecall, wanted: 2)),
            StudyBar(
                "1. \(set.name): Recall@100 of learned codes over plain PQ, points", mean(product), .atLeast,
                3,
                note: each(product), notReproduced: noRoom("PQ", \.productRecall, wanted: 3)),
            StudyBar(
                "2. \(set.name): nDCG@10 of dense-local over dense-global on the same candidates, points",
                mean(local), .atLeast, 0.5, note: "\(each(local)); \(names)"),
            StudyBar(
                "2. \(set.name): nDCG@10 of locality-centric over shuffled batches, points", mean(gathered),
                .atLeast, 0, note: each(gathered)),
            StudyBar(
                "3. \(set.name): bytes of codes and ids a document in memory beside M + 8, ratio",
                mean(\.residentBytes) / Double(BiDRStudy.codeBytes + 8), .atMost, 1.01),
            StudyBar(
                "3. \(set.name): bytes read a query beside \(candidates) x 4 h, difference",
                abs(mean(\.bytesRead) - Double(candidates * 4 * set.documents.columns)), .atMost, 0),
            StudyBar(
                "3. \(set.name): nDCG@10 kept by ranking 5 % of the documents, share", mean(kept), .atLeast,
                0.98, note: each(kept, decimals: 3)),
        ]
    }

    private func figures(seed: UInt64) throws(KuklaError) -> Figures {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-bidr-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let stages = try BiDRStages(set: set, bench: bench, seed: seed, folder: folder)
        let global = try stages.best { training throws(KuklaError) in try training.trainGlobal() }.model

        var figures = Figures()
        let first = try global.codec(sample: set.documents)
        figures.denseRecall = try recall(of: first)
        figures.productRecall = try recall(
            of: stages.any.initialCodes(after: global, rotates: false).codec(sample: set.documents))
        let (codes, optimized) = try learned(stages, after: global)
        figures.optimizedRecall = try recall(of: optimized)
        let coarse = try codes.codec(sample: set.documents)
        figures.learnedRecall = try recall(of: coarse)
        figures.fewestCentroids = Double(fewestCentroids(of: coarse))
        let ranked = try ranked(coarse, first, in: folder)
        (figures.global, figures.bytesRead, figures.residentBytes) = (
            ranked.ndcg, ranked.bytesRead, ranked.resident
        )
        var best = -1.0
        for walk in Self.walks {
            let stage = try stages.best { training throws(KuklaError) in
                try training.trainLocal(after: codes, walk: walk)
            }
            let fine = try stage.model.codec(sample: set.documents)
            figures.walks[walk] = try self.ranked(coarse, fine, in: folder).ndcg
            if walk != .shuffled, stage.after > best {
                (best, figures.chosen) = (stage.after, walk)
                figures.everything = ndcg(try search(flat(fine), count: 10))
            }
        }
        guard bench.scale == .full else { return figures }
        let short = try BiDRStages(
            set: set, bench: bench, seed: seed, folder: folder.appending(path: "short"),
            codeBytes: BiDRStudy.shortCodeBytes)
        let (shortCodes, shortOptimized) = try learned(short, after: global)
        figures.shortRecall = (
            try recall(of: shortOptimized), try recall(of: shortCodes.codec(sample: set.documents))
        )
        return figures
    }

    /// Trained codes, and the codec that they began with.
    private func learned(
        _ stages: BiDRStages, after global: BiGranularModel
    ) throws(KuklaError) -> (BiGranularModel, optimized: any VectorCodec) {
        let initial = try stages.any.initialCodes(after: global)
        let stage = try stages.best { training throws(KuklaError) in
            try training.trainCodes(from: initial.copy())
        }
        return (stage.model, try initial.codec(sample: set.documents))
    }

    private func flat(_ codec: any VectorCodec) throws(KuklaError) -> FlatIndex {
        var index = FlatIndex(codec: codec)
        try index.insert(set.documents, threads: bench.threads)
        return index
    }

    private func search(_ index: any CodedIndex, count: Int) throws(KuklaError) -> [[Int]] {
        try index.search(set.test.queries, count: count, threads: bench.threads).map { $0.map(\.id) }
    }

    private func frozen(_ count: Int) throws(KuklaError) -> Double {
        let found = try search(
            flat(FloatCodec(metric: .cosine, dimensions: set.documents.columns)), count: count)
        return count == 10 ? ndcg(found) : recall(found)
    }

    private func recall(of codec: any VectorCodec) throws(KuklaError) -> Double {
        recall(try search(flat(codec), count: min(100, set.documents.rows)))
    }

    private func recall(_ found: [[Int]]) -> Double {
        mean(found) { list, answers in
            Double(Set(list).intersection(answers).count) / Double(answers.count)
        }
    }

    private func ndcg(_ found: [[Int]]) -> Double {
        mean(found) { list, answers in
            func gain(_ ranks: some Sequence<Int>) -> Double {
                ranks.reduce(0) { $0 + 1 / log2(Double($1 + 2)) }
            }
            return gain(list.prefix(10).indices.filter { answers.contains(list[$0]) })
                / gain(0..<min(10, answers.count))
        }
    }

    private func mean(_ found: [[Int]], _ value: ([Int], [Int]) -> Double) -> Double {
        zip(found, set.test.answers).reduce(0) { $0 + value($1.0, $1.1) } / Double(max(1, found.count))
    }

    /// Candidates by `coarse`, ranked by `fine`, through a file.
    private func ranked(
        _ coarse: any VectorCodec, _ fine: any VectorCodec, in folder: URL
    ) throws(KuklaError) -> (ndcg: Double, bytesRead: Double, resident: Double) {
        let url = folder.appending(path: "c.kukla")
        let writer = try CollectionWriter(
            url, codec: coarse, refinement: .init(codec: fine, factor: factor, isTiered: true),
            threads: bench.threads)
        try writer.append(set.documents, ids: (0..<set.documents.rows).map { .number(UInt64($0)) })
        try writer.finish()
        let file: CollectionFile
        do { file = try CollectionFile(url) } catch {
            throw error as? KuklaError
                ?? KuklaError(.inputOutput, "Cannot open \(url.path).", cause: error)
        }
        let found = try search(file.index, count: 10)
        let inMemory = file.sections.filter { ["codes", "ids-number"].contains($0.name) }
        return (
            ndcg(found),
            Double(file.index.fileReads?.bytes ?? 0) / Double(set.test.queries.rows),
            Double(inMemory.reduce(0) { $0 + $1.length }) / Double(set.documents.rows)
        )
    }

    private func fewestCentroids(of codec: any VectorCodec) -> Int {
        let bytes = codec.layout.bytesPerBlock
        var codes = [UInt8](repeating: 0, count: codec.layout.byteCount(of: set.documents.rows))
        codes.withUnsafeMutableBytes { codec.encode(set.documents, into: $0, threads: bench.threads) }
        return (0..<bytes).map { part in
            Set(stride(from: part, to: codes.count, by: bytes).map { codes[$0] }).count
        }.min() ?? 0
    }
}
