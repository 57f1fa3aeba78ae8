import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaObjectives
import KuklaText

/// The late-interaction head that the study's token vectors come from.
struct TrainedHead {
    let bench: StudyBench

    /// A model trained on the claims to learn from and what answers them, and on titles and their abstracts.
    func model(for corpus: JudgedTexts) throws(KuklaError) -> EmbeddingModel {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "kukla-muvera-\(UUID().uuidString)")
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
        }
        // What is mapped stays readable.
        defer { try? FileManager.default.removeItem(at: folder) }
        let pairs = try claims(of: corpus) + titles()
        var recipe = LateInteractionOptions.recipe
        recipe.training.threads = bench.threads
        if bench.scale == .quick {
            recipe.training.batchSize = 16
            recipe.options.maximumTokens = 48
        }
        let output = folder.appending(path: "model")
        _ = try LateInteractionTraining(
            base: bench.modelFolder, output: output, runFolder: folder.appending(path: "run"))(
                pairs, recipe: recipe, progress: bench.progress)
        return try EmbeddingModel(folder: output)
    }

    private func claims(of corpus: JudgedTexts) -> [[String]] {
        let texts = Dictionary(uniqueKeysWithValues: corpus.documents.map { ($0.id, $0.text) })
        let pairs = corpus.trainingQueries.flatMap { query in
            (corpus.trainingQrels[query.id] ?? [:]).filter { $0.value > 0 }.keys.sorted().compactMap {
                texts[$0].map { [query.text, $0] }
            }
        }
        return Array(pairs.prefix(bench.choose(quick: 32, full: .max)))
    }

    private func titles() throws(KuklaError) -> [[String]] {
        func column(_ name: String) throws(KuklaError) -> [String] {
            try TextReader(
                bench.data("scifact/corpus.jsonl.gz"), options: TextOptions(textColumn: name)
            ).readAll().map(\.text)
        }
        let pairs = zip(try column("title"), try column("text")).map { [$0, $1] }
        return Array(
            pairs.filter { !$0[0].isEmpty && !$0[1].isEmpty }.prefix(bench.choose(quick: 32, full: .max)))
    }
}
