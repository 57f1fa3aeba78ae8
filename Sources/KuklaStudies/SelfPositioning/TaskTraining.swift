import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// Models tuned from one base on one task or on several, each kept between full runs under what made it.
struct TaskTraining {
    let bench: StudyBench
    let base: URL
    let tokenizer: WordPieceTokenizer
    private let folder: URL

    /// A tuned model.
    struct Tuned {
        let folder: URL
        /// What training took, when it was trained.
        let seconds: Double
    }

    static func layers(_ bench: StudyBench) -> Int { bench.choose(quick: 1, full: 3) }
    static func batchSize(_ bench: StudyBench) -> Int { bench.choose(quick: 8, full: 16) }
    static let learningRate: Float = 1e-4

    init(_ bench: StudyBench) throws(KuklaError) {
        self.bench = bench
        let temporary = FileManager.default.temporaryDirectory.appending(path: "kukla-merge-\(UUID())")
        folder = bench.cacheFolder?.appending(path: "merge") ?? temporary
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
        }
        base = folder.appending(path: "base-\(Self.layers(bench))")
        if !FileManager.default.fileExists(atPath: base.path) {
            try ModelExport(bench.modelFolder, layers: Self.layers(bench)).write(to: base)
        }
        tokenizer = try WordPieceTokenizer(folder: base)
    }

    /// Removes what is not kept between runs.
    func removeTemporary() {
        if bench.cacheFolder == nil { try? FileManager.default.removeItem(at: folder) }
    }

    /// The base trained on all rows of `tasks`, batches of each in random order.
    ///
    /// - Parameters:
    ///   - name: of the folder's beginning.
    ///   - limit: training rows of each task.
    ///   - schedule: of the rate, over one pass.
    ///   - start: a tuned model to go on from, in place of the base.
    func callAsFunction(
        _ name: String, _ tasks: [MergeTask], limit: Int = .max, seed: UInt64,
        schedule: ScheduleSettings.Name = .linear, after start: Tuned? = nil
    ) throws(KuklaError) -> Tuned {
        var settings = TrainingSettings()
        settings.seed = seed
        settings.batchSize = Self.batchSize(bench)
        settings.learningRate = Self.learningRate
        settings.clipNorm = 1
        settings.schedule = ScheduleSettings(schedule)
        settings.schedule.warmupFraction = schedule == .constant ? 0 : 0.1
        settings.threads = bench.threads
        let recipe = Recipe(training: settings, options: NoOptions())
        let rows = tasks.map { Array($0.rows.prefix(limit)) }
        let scores = tasks.map { Array($0.scores.prefix(limit)) }
        let place = folder.appending(path: "\(name)-\(try key(recipe, rows, scores, after: start))")
        let clock = place.appending(path: "seconds.txt")
        if let text = try? String(contentsOf: clock, encoding: .utf8), let seconds = Double(text) {
            return Tuned(folder: place, seconds: seconds)
        }
        let model = try TextEncoderModule(
            folder: start?.folder ?? base, dropout: .init(hidden: 0, attention: 0))
        let task = MixedTask(
            model: model,
            parts: zip(rows, scores).map { rows, scores in
                EncoderTask(
                    model: model,
                    examples: TextExamples(
                        rows: rows, scores: scores, tokenizer: tokenizer,
                        maximumLength: MergeTask.tokens(bench), threads: bench.threads),
                    loss: WholeModelLoss(
                        scores.isEmpty ? MultipleNegativesRankingLoss() : CoSENTLoss(),
                        layers: model.layerCount),
                    needsDistinctTexts: scores.isEmpty)
            })
        let run = folder.appending(path: "\(name)-\(UUID()).run")
        defer { try? FileManager.default.removeItem(at: run) }
        let summary = try TrainingRun(run, recipe: recipe).train(task, progress: bench.progress)
        try model.write(
            to: place,
            card: ModelCard(
                base: base.lastPathComponent, objective: "A part of the study self-positioning.",
                examples: task.exampleCount, steps: summary.step))
        try AtomicFile.write(String(summary.seconds), to: clock)
        return Tuned(folder: place, seconds: summary.seconds)
    }

    /// Test quality of a model on each task.
    func judge(_ model: TextEncoderModule, _ tasks: [MergeTask]) throws(KuklaError) -> [Double] {
        do {
            return try tasks.map { task in
                try task.judge {
                    model.embed($0, tokenizer: tokenizer, maximumLength: MergeTask.tokens(bench))
                }
            }
        } catch let error as KuklaError {
            throw error
        } catch {
            throw KuklaError(.badData, "Cannot judge a model.", cause: error)
        }
    }

    private func key(
        _ recipe: Recipe<NoOptions>, _ rows: [[[String]]], _ scores: [[Float]], after start: Tuned?
    ) throws(KuklaError) -> String {
        var hash = TextHash()
        // The folder's name stands for all that made it.
        if let start { hash.add(start.folder.lastPathComponent) }
        hash.add(bench.modelFolder.standardizedFileURL.path)
        hash.add("\(Self.layers(bench)) layers, \(MergeTask.tokens(bench)) tokens")
        hash.add(try recipe.yaml)
        for text in rows.joined().joined() { hash.add(text) }
        hash.add("\(scores)")
        return String(hash.value, radix: 16)
    }
}

/// Several tasks over one model: a batch is of one of them.
private struct MixedTask: TrainingTask {
    let model: TextEncoderModule
    let parts: [EncoderTask]

    struct Batch: Sendable {
        let part: Int
        let examples: TextExampleBatch
    }

    var exampleCount: Int { parts.reduce(0) { $0 + $1.exampleCount } }

    /// Where the rows of each part begin among all.
    private var starts: [Int] {
        parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.exampleCount) }
    }

    func sampler(batchSize: Int, seed: UInt64) throws(KuklaError) -> any BatchSampler {
        var samplers: [any BatchSampler] = []
        for part in parts { samplers.append(try part.sampler(batchSize: batchSize, seed: seed)) }
        return MixedSampler(samplers: samplers, starts: starts, seed: seed)
    }

    func makeBatch(_ indices: [Int], random: inout RandomSource) -> Batch {
        let starts = starts
        let part = (starts.firstIndex { $0 > indices[0] } ?? 1) - 1
        return Batch(
            part: part, examples: parts[part].makeBatch(indices.map { $0 - starts[part] }, random: &random))
    }

    func step(on batch: Batch, mode: ForwardMode) -> TrainingStep {
        parts[batch.part].step(on: batch.examples, mode: mode)
    }

    private struct MixedSampler: BatchSampler {
        let samplers: [any BatchSampler]
        let starts: [Int]
        let seed: UInt64

        func batches(inEpoch epoch: Int) -> [[Int]] {
            let all = zip(samplers, starts).flatMap { sampler, start in
                sampler.batches(inEpoch: epoch).map { $0.map { $0 + start } }
            }
            var random = RandomSource(seed: seed &+ UInt64(epoch))
            return random.sample(all.count, below: all.count).map { all[$0] }
        }
    }
}
