public import Foundation
import KuklaFormats
public import KuklaNumerics
import KuklaText

/// What a study works with: how much it may take, where data and model are.
public struct StudyBench: Sendable {
    public enum Scale: String, Sendable, Codable {
        /// Seconds, on samples and with one seed: whether everything still runs and points the right way.
        case quick
        /// Minutes, mostly within 20 on two cores, with all seeds: the figures that count.
        case full
    }

    public let scale: Scale
    public let seeds: [UInt64]
    public let threads: Int
    public let progress: any ProgressReporter
    /// The folder that holds the data sets, each in a folder of its own.
    let dataFolder: URL
    /// A sentence-transformers folder.
    let modelFolder: URL
    /// A further corpus, of the user's own; `TextReader` reads it.
    let texts: URL?
    /// Where vectors of texts are kept between runs; embedded anew each time where `nil`.
    let cacheFolder: URL?

    /// - Parameter seeds: how many there are; 3 in a full run and 1 in a quick one where nil.
    public init(
        scale: Scale, data: URL, model: URL, texts: URL? = nil, cache: URL? = nil, seeds: Int? = nil,
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) {
        self.scale = scale
        self.seeds = (1...(seeds ?? Self.usualSeeds(scale))).map { UInt64($0) }
        (dataFolder, modelFolder, cacheFolder) = (data, model, cache)
        self.texts = texts
        (self.threads, self.progress) = (threads, progress)
    }

    static func usualSeeds(_ scale: Scale) -> Int { scale == .full ? 3 : 1 }

    /// The folder or file of a data set.
    func data(_ path: String) -> URL { dataFolder.appending(path: path) }

    /// `full` in a full run, `quick` in a quick one.
    func choose<T>(quick: T, full: T) -> T { scale == .full ? full : quick }

    /// The means of `measure` over the seeds, with each seed's value.
    func overSeeds(
        _ measure: (UInt64) throws(KuklaError) -> Double
    ) throws(KuklaError) -> (mean: Double, each: [Double]) {
        var each: [Double] = []
        for seed in seeds { each.append(try measure(seed)) }
        return (each.reduce(0, +) / Double(each.count), each)
    }

    /// - Throws: `missingFile` that names the first set which is not there.
    func check(needs sets: [String]) throws(KuklaError) {
        for set in sets where !FileManager.default.fileExists(atPath: data(set).path) {
            throw KuklaError(
                .missingFile,
                "Cannot run the study: there is no \(set) in \(dataFolder.path). Give the folder of the data sets with --data or KUKLA_DATA; the study reads \(sets.joined(separator: ", "))."
            )
        }
    }

    /// The model, loaded.
    func model() throws(KuklaError) -> EmbeddingModel {
        try EmbeddingModel(folder: modelFolder)
    }

    /// The model's vectors of `texts`, `[texts, dimensions]`, normalised.
    func embed(_ texts: [String]) throws(KuklaError) -> Matrix {
        let key = key(of: texts)
        if let vectors = try keptVectors(key) { return vectors }
        progress.begin("Embedding", total: texts.count, unit: "texts")
        defer { progress.end() }
        let vectors = try model().embed(texts, threads: threads, progress: progress).vectors
        try keep(vectors, key)
        return vectors
    }

    /// What an earlier run kept under `key`; nil where there is nothing.
    func keptVectors(_ key: String) throws(KuklaError) -> Matrix? {
        guard let kept = cacheFolder?.appending(path: "\(key).npy"),
            FileManager.default.fileExists(atPath: kept.path)
        else { return nil }
        return try VectorFile.readAll(kept)
    }

    /// Keeps vectors for the next run, where there is a place for them.
    func keep(_ vectors: Matrix, _ key: String) throws(KuklaError) {
        guard let url = cacheFolder?.appending(path: "\(key).npy") else { return }
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder of \(url.path).", cause: error)
        }
        let writer = try NPYWriter(url, dimensions: vectors.columns)
        try writer.append(vectors)
        try writer.commit()
    }

    /// A name that another text, order or model would not have.
    private func key(of texts: [String]) -> String {
        var hash = TextHash()
        hash.add(modelFolder.standardizedFileURL.path)
        texts.forEach { hash.add($0) }
        return String(hash.value, radix: 16)
    }
}
