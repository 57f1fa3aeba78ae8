import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor
import KuklaText

/// That leaving after a layer is exact, and what it saves.
struct EarlyExit {
    let elastic: ElasticBench

    private var bench: StudyBench { elastic.bench }
    private var half: Int { elastic.full.layers / 2 }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let pairs = try bench.stsBenchmark("dev")
        let texts = Array(ScoredPairs(pairs).texts.prefix(bench.choose(quick: 24, full: 500)))
        let model = try bench.model()
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-exit-\(UUID())")
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let small = folder.appending(path: "small")
        try ModelExport(bench.modelFolder, layers: half).write(to: small)
        let left = try model.embed(texts, layers: half, threads: bench.threads).vectors
        let sliced = try EmbeddingModel(folder: small).embed(texts, threads: bench.threads).vectors
        findings.bars += [
            StudyBar(
                "1. leaving after a layer beside the full pass's hidden state, largest difference",
                try differenceFromStates(texts, model), .atMost, 1e-5),
            StudyBar(
                "1. a checkpoint of \(half) layers beside leaving after \(half), largest difference",
                Self.largest(left, sliced), .atMost, 0),
            StudyBar(
                "1. bytes of encoder layers in it beside \(half)/\(elastic.full.layers) of all, difference of the shares",
                abs(try share(small) - Double(half) / Double(elastic.full.layers)), .atMost, 0),
        ]
        let times = try times(texts, model)
        findings.bars.append(
            StudyBar(
                "1. time to embed \(texts.count) sentences by \(half) layers beside all, ratio",
                times.left / times.whole, .atMost, 0.6,
                note: String(
                    format: "medians of alternating passes: %.0f and %.0f ms", 1000 * times.left,
                    1000 * times.whole)))
    }

    private func differenceFromStates(_ texts: [String], _ model: EmbeddingModel) throws(KuklaError) -> Double
    {
        let layers = Array(1...elastic.full.layers)
        let module = try elastic.training.base()
        let states = TensorThreads.limited(to: bench.threads) {
            module.embed(texts, tokenizer: model.tokenizer, after: layers)
        }
        var largest = 0.0
        for (layer, states) in zip(layers, states) {
            let left = try model.embed(texts, layers: layer, threads: bench.threads).vectors
            largest = max(largest, Self.largest(left, states))
        }
        return largest
    }

    /// The bytes of encoder layers in `folder` beside those of the base model.
    private func share(_ folder: URL) throws(KuklaError) -> Double {
        func bytes(_ folder: URL) throws(KuklaError) -> Int {
            let file = try SafetensorsFile(folder.appending(path: "model.safetensors"))
            return file.tensors.filter { $0.name.contains("encoder.layer.") }.reduce(0) { sum, tensor in
                sum + file.withUnsafeBytes(of: tensor) { $0.count }
            }
        }
        return Double(try bytes(folder)) / Double(try bytes(bench.modelFolder))
    }

    private func times(
        _ texts: [String], _ model: EmbeddingModel
    ) throws(KuklaError) -> (left: Double, whole: Double) {
        var (left, whole): ([Double], [Double]) = ([], [])
        for _ in 0..<bench.choose(quick: 3, full: 15) {
            left.append(
                try seconds { () throws(KuklaError) in
                    try model.embed(texts, layers: half, threads: bench.threads)
                })
            whole.append(
                try seconds { () throws(KuklaError) in try model.embed(texts, threads: bench.threads) })
        }
        return (left.sorted()[left.count / 2], whole.sorted()[whole.count / 2])
    }

    private func seconds<T>(_ body: () throws(KuklaError) -> T) throws(KuklaError) -> Double {
        let start = ContinuousClock.now
        _ = try body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func largest(_ a: Matrix, _ b: Matrix) -> Double {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                Double(zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) })
            }
        }
    }
}
