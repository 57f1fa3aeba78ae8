public import Foundation
import KuklaFormats
import KuklaNN
public import KuklaNumerics
import KuklaObjectives
import KuklaTensor
public import KuklaText

/// Several models of one base made one: sentence-transformers folders in and out.
public struct ModelMerge {
    /// The model that all come from; nil where changes are counted from the origin.
    public let base: URL?
    public let models: [URL]
    /// Has the merged weights once `callAsFunction` has run.
    public let model: TextEncoderModule
    public let vectors: TaskVectors
    private let tokenizer: WordPieceTokenizer

    /// Loads all models.
    ///
    /// - Parameter base: may be nil for methods that can do without (`MergeMethod.canDoWithoutBase`); settings and tokenizer are then
    ///   those of the first model.
    /// - Throws: `KuklaError`: as `TextEncoderModule` and `WordPieceTokenizer`; `badData` that names the first difference where models
    ///   have other tensors, another make or another vocabulary than the first.
    public init(base: URL?, models: [URL]) throws(KuklaError) {
        contract(!models.isEmpty, "ModelMerge: no models")
        (self.base, self.models) = (base, models)
        let first = base ?? models[0]
        model = try TextEncoderModule(folder: first)
        tokenizer = try WordPieceTokenizer(folder: first)
        var weights: [ModelWeights] = []
        for folder in models {
            let other = try TextEncoderModule(folder: folder)
            let difference: String?
            if let found = model.difference(to: other) {
                difference = found
            } else {
                difference = tokenizer.difference(to: try WordPieceTokenizer(folder: folder))
            }
            if let difference {
                throw KuklaError(
                    .badData,
                    "Cannot merge \(folder.path) with \(first.path): \(difference). Only models of one base can be merged."
                )
            }
            weights.append(ModelWeights(of: other))
        }
        let origin = ModelWeights(of: model)
        vectors = TaskVectors(base: base == nil ? origin.origin : origin, tuned: weights)
    }

    /// Merges; `write` then writes.
    ///
    /// - Parameter probes: examples of each task, for methods that look at some (`MergeMethod.needsProbe`). Fisher and RegMean take the
    ///   i-th for the i-th model where there are as many, else all for each.
    /// - Throws: `KuklaError`: `usage` where the settings are out of range or do not go with the method; `badData` where a probe is too
    ///   small, or a loss is not a number.
    public func callAsFunction(
        _ method: MergeMethod, _ settings: MergeSettings = MergeSettings(), probes: [MergeProbe] = [],
        threads: Int = defaultThreadCount, progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> MergeReport {
        try settings.check(method, models: models.count, hasBase: base != nil, probes: probes.count)
        let start = ContinuousClock.now
        let outcome = try TensorThreads.limited(to: threads) { () throws(KuklaError) in
            try merge(method, settings, probes, progress)
        }
        return report(
            method, settings, probes, outcome, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    private struct Outcome {
        var weights: [Double]
        var coefficients: [Double]?
        var lambda: Double?
        var curve: [MergeReport.Round] = []
    }

    private func merge(
        _ method: MergeMethod, _ settings: MergeSettings, _ probes: [MergeProbe],
        _ progress: any ProgressReporter
    ) throws(KuklaError) -> Outcome {
        let weights = settings.weights ?? models.map { _ in 1 }
        var outcome = Outcome(weights: weights, lambda: settings.lambda)
        switch method {
        case .average:
            let total = weights.reduce(0, +)
            outcome.coefficients = weights.map { settings.lambda * ($0 / total) }
        case .slerp:
            outcome.coefficients = vectors.coefficients(
                at: MergePosition(weights: weights, lambda: settings.lambda))
        case .ties:
            let merged = TIES(keep: settings.keep, lambda: settings.lambda)(vectors, weights: weights)
            ModelWeights.assign([(1, merged)], to: model)
        case .fisher:
            outcome.lambda = nil
            try fisher(weights, settings, probes, progress)
        case .regMean:
            outcome.lambda = nil
            try regMean(weights, settings, probes, progress)
        case .selfPositioning:
            if base != nil { ModelWeights.assign([(1, vectors.base)], to: model) }
            let objective = try objective(probes, settings)
            let found = try settings.positioning(vectors, model: model, progress: progress) {
                step throws(KuklaError) in
                objective(step)
            }
            outcome.weights = found.position.weights
            outcome.lambda = found.position.lambda
            outcome.coefficients = vectors.coefficients(at: found.position)
            outcome.curve = rounds(of: found, tasks: objective.count)
        }
        if let coefficients = outcome.coefficients {
            ModelWeights.assign(vectors.terms(coefficients), to: model)
        }
        return outcome
    }

    private func objective(
        _ probes: [MergeProbe], _ settings: MergeSettings
    ) throws(KuklaError) -> ProbeObjective {
        try ProbeObjective(
            probes, model: model, tokenizer: tokenizer, batchSize: settings.batchSize,
            maximumTokens: settings.maximumTokens, seed: settings.seed)
    }

    /// The mean loss of a batch of each task at places, and how it changes with the place.
    package func slopes(
        of probes: [MergeProbe], at positions: [MergePosition], _ settings: MergeSettings,
        threads: Int = defaultThreadCount
    ) throws(KuklaError) -> [(loss: Double, slopes: MergePosition)] {
        try TensorThreads.limited(to: threads) { () throws(KuklaError) in
            ModelWeights.assign([(1, vectors.base)], to: model)
            let objective = try objective(probes, settings)
            return positions.map { position in
                vectors.assign(position, to: model)
                var (loss, gradients) = (0.0, Gradients())
                for task in 0..<objective.count {
                    let found = objective(task)
                    loss += found.value / Double(objective.count)
                    gradients.add(found.gradients)
                }
                gradients.scale(by: 1 / Float(objective.count))
                return (loss, vectors.slopes(gradients, of: model, at: position))
            }
        }
    }

    private func fisher(
        _ weights: [Double], _ settings: MergeSettings, _ probes: [MergeProbe],
        _ progress: any ProgressReporter
    ) throws(KuklaError) {
        var merge = FisherMerge(vectors.tuned, weights: weights)
        progress.begin("Measuring", total: models.count, unit: "models")
        defer { progress.end() }
        for (i, tuned) in vectors.tuned.enumerated() {
            ModelWeights.assign([(1, tuned)], to: model)
            let objective = try objective(own(i, of: probes), settings)
            merge.add(model, weight: weights[i], batches: objective.batchCount) { objective($0).gradients }
            progress.advance(by: 1)
        }
        ModelWeights.assign([(1, merge.merged())], to: model)
    }

    private func regMean(
        _ weights: [Double], _ settings: MergeSettings, _ probes: [MergeProbe],
        _ progress: any ProgressReporter
    ) throws(KuklaError) {
        var merge = RegMean(vectors.tuned, weights: weights, shrinkage: settings.shrinkage)
        progress.begin("Measuring", total: models.count, unit: "models")
        defer { progress.end() }
        for i in models.indices {
            let objective = try objective(own(i, of: probes), settings)
            try merge.add(i, in: model, weight: weights[i]) {
                for step in 0..<objective.batchCount { objective.pass(step) }
            }
            progress.advance(by: 1)
        }
        ModelWeights.assign([(1, try merge.merged())], to: model)
    }

    /// The probes of one model.
    private func own(_ index: Int, of probes: [MergeProbe]) -> [MergeProbe] {
        probes.count == models.count ? [probes[index]] : probes
    }

    /// The curve as means over the tasks.
    private func rounds(of found: SelfPositioning.Found, tasks: Int) -> [MergeReport.Round] {
        stride(from: 0, to: found.curve.count, by: tasks).compactMap { start in
            let round = found.curve[start..<min(start + tasks, found.curve.count)]
            // A part of a round would be a mean over other tasks.
            guard round.count == tasks || start == 0 else { return nil }
            let position = round[start].position
            return MergeReport.Round(
                step: start, loss: round.reduce(0) { $0 + $1.loss } / Double(round.count),
                weights: position.weights, lambda: position.lambda)
        }
    }

    private func report(
        _ method: MergeMethod, _ settings: MergeSettings, _ probes: [MergeProbe], _ outcome: Outcome,
        seconds: Double
    ) -> MergeReport {
        let merged = TaskVectors(base: vectors.base, tuned: [ModelWeights(of: model)])
        return MergeReport(
            method: method, base: base?.lastPathComponent,
            models: models.indices.map { i in
                MergeReport.Model(
                    name: models[i].lastPathComponent, norm: vectors.norms[i], weight: outcome.weights[i],
                    coefficient: outcome.coefficients?[i])
            },
            angles: models.indices.map { i in
                models.indices.map { j in
                    let angle = i == j ? 0 : vectors.angle(i, j) * 180 / .pi
                    return angle.isNaN ? nil : angle
                }
            },
            lambda: outcome.lambda, mergedNorm: merged.norms[0], probe: outcome.curve, seconds: seconds,
            sentence: method.sentence(settings, probes: probes))
    }

    /// Finds what is wrong with a place to write to before anything is computed.
    ///
    /// - Throws: `KuklaError`: `missingFile` where the folder around it is not there; `usage` where it is one of the models.
    public func check(output: URL) throws(KuklaError) {
        try EncoderFineTuning.checkParent(of: output)
        let place = output.resolvingSymlinksInPath().path
        for folder in models + (base.map { [$0] } ?? []) where folder.resolvingSymlinksInPath().path == place
        {
            throw KuklaError(
                .usage,
                "Cannot write \(output.path): it is one of the models that are merged. Name another folder.")
        }
    }

    /// Writes the merged model, whole or not at all: tokenizer, settings and tensors that are no parameters (BERT's pooler) are the
    /// base's, the README tells what was merged and how.
    ///
    /// - Throws: `KuklaError`: as `check`; `inputOutput`.
    public func write(to url: URL, _ report: MergeReport) throws(KuklaError) {
        try check(output: url)
        try model.write(
            to: url,
            card: ModelCard(
                merged: models.map(\.lastPathComponent), base: base?.lastPathComponent,
                how: report.markdown()))
    }
}
