import Foundation
import KuklaEvaluation
import KuklaFormats
import KuklaNumerics
import KuklaTensor
import KuklaText

/// `kukla fit --model`: the size of the model is chosen, too.
extension FitCommand {
    /// Texts of a corpus that are measured on.
    private struct Texts {
        var documents: [TextRecord]
        var queries: [TextRecord]?
        var judgements: VectorJudgements?
        /// Texts of the corpus.
        var count: Int
    }

    func fittedModel() throws -> (FitReport, name: String) {
        let folder = try ModelLocation.resolve(model)
        try ModelOptions.checkIsPlain(folder)
        let module = try TextEncoderModule(folder: folder)
        let sizes = try self.sizes(of: module, folder)
        let texts = try readTexts()
        let layers = Set(sizes.map(\.layers) + [module.layerCount]).sorted()
        let depths = try depths(layers, of: module, folder, texts)
        let found = try ModelSizePlanner(planner()).fit(
            sizes: sizes, depths: depths, judgements: texts.judgements, texts: texts.count,
            folder: folder.path, progress: reporting.progress)
        return (found, folder.lastPathComponent)
    }

    /// What the model was trained for, else all layers with dimensions halved again and again; the whole model among them.
    private func sizes(of module: TextEncoderModule, _ folder: URL) throws(KuklaError) -> [ModelSize] {
        let full = ModelSize(layers: module.layerCount, dimensions: module.dimensions)
        let known = try SizeTable.read(folder)?.sizes.map(\.size)
        let sizes =
            known
            ?? ModelSize.halvings(of: full.dimensions).map {
                ModelSize(layers: full.layers, dimensions: $0)
            }
        for size in sizes where !(1...full.layers ~= size.layers && 1...full.dimensions ~= size.dimensions) {
            throw KuklaError(
                .badData,
                "\(folder.path)/config.json names the size \(size), and the model has \(full): train or export it again."
            )
        }
        return sizes.contains(full) ? sizes : [full] + sizes
    }

    private func readTexts() throws(KuklaError) -> Texts {
        func records(_ path: String) throws(KuklaError) -> [TextRecord] {
            try TextReader(URL(fileURLWithPath: path)).readAll().enumerated().map {
                TextRecord(id: $0.element.id ?? String($0.offset), text: $0.element.text)
            }
        }
        let all = try records(corpus ?? "")
        let limit = sample ?? 4_000
        var random = RandomSource(seed: seed)
        var order = random.sample(all.count, below: all.count)
        guard let qrels else {
            return Texts(
                documents: order.prefix(limit).map { all[$0] }, queries: try queries.map(records),
                count: all.count)
        }
        let judged = Qrels(try RelevanceJudgments(URL(fileURLWithPath: qrels)).grades)
        let questions = try records(queries ?? "").filter { judged[$0.id ?? ""] != nil }
        guard !questions.isEmpty else {
            throw KuklaError(
                .badData, "Cannot judge by \(qrels): it names none of the queries of \(queries ?? "").")
        }
        let named = Set(questions.flatMap { judged[$0.id ?? ""]?.keys.map(\.self) ?? [] })
        let isNamed = order.map { named.contains(all[$0].id ?? "") }
        order = zip(order, isNamed).filter(\.1).map(\.0) + zip(order, isNamed).filter { !$0.1 }.map(\.0)
        let documents = order.prefix(max(limit, isNamed.count { $0 })).map { all[$0] }
        return Texts(
            documents: documents, queries: questions,
            judgements: VectorJudgements(
                qrels: judged, queryIDs: questions.map { $0.id ?? "" },
                documentIDs: documents.map { $0.id ?? "" }), count: all.count)
    }

    /// Embeds the texts, all numbers of layers in one pass, and measures how long one question takes after each.
    private func depths(
        _ layers: [Int], of module: TextEncoderModule, _ folder: URL, _ texts: Texts
    ) throws(KuklaError) -> [ModelSizePlanner.Depth] {
        let tokenizer = try WordPieceTokenizer(folder: folder)
        let threads = try compute.threadCount()
        let progress = reporting.progress
        progress.begin("Embedding", total: texts.documents.count, unit: "texts")
        func embed(_ texts: [String]) -> [Matrix] {
            var parts: [[Matrix]] = []
            for start in stride(from: 0, to: texts.count, by: 256) {
                let piece = Array(texts[start..<min(start + 256, texts.count)])
                parts.append(
                    TensorThreads.limited(to: threads) {
                        module.embed(piece, tokenizer: tokenizer, after: layers)
                    })
                progress.advance(by: piece.count)
            }
            return layers.indices.map { layer in
                Matrix(rows: texts.count, columns: module.dimensions) { out in
                    var place = 0
                    for part in parts {
                        part[layer].withUnsafeBufferPointer { from in
                            _ = out[place..<place + from.count].update(fromContentsOf: from)
                            place += from.count
                        }
                    }
                }
            }
        }
        let vectors = embed(texts.documents.map(\.text))
        progress.end()
        let questions = texts.queries.map { embed($0.map(\.text)) }
        // Questions are short; texts that stand for some are cut to what people ask with.
        let asked = (texts.queries ?? texts.documents).prefix(50).map { record in
            texts.queries == nil
                ? record.text.split(whereSeparator: \.isWhitespace).prefix(8).joined(separator: " ")
                : record.text
        }
        var depths: [ModelSizePlanner.Depth] = []
        for (place, count) in layers.enumerated() {
            let model = try EmbeddingModel(folder: folder, layers: count)
            depths.append(
                ModelSizePlanner.Depth(
                    layers: count, vectors: vectors[place], queries: questions?[place],
                    embeddingMilliseconds: try milliseconds(of: model, asked)))
        }
        return depths
    }

    /// The median time that one question takes alone on one thread.
    private func milliseconds(of model: EmbeddingModel, _ questions: [String]) throws(KuklaError) -> Double {
        var taken: [Double] = []
        // The first reads the weights.
        for question in [questions[0]] + questions {
            let start = ContinuousClock.now
            _ = try model.embed([question], threads: 1)
            taken.append((ContinuousClock.now - start) / .milliseconds(1))
        }
        taken = taken.dropFirst().sorted()
        return taken[taken.count / 2]
    }
}
