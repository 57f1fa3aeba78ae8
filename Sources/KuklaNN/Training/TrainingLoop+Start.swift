import KuklaNumerics

/// What is settled before the first step.
extension TrainingLoop {
    /// Puts the recipe's low-rank adapters around the model, unless the task has done that.
    static func adapt(_ task: Task, _ settings: TrainingSettings) throws(KuklaError) {
        guard let adapters = settings.adapters, task.model.adaptedLayers.isEmpty else { return }
        var random = RandomSource(seed: settings.seed, stream: 1 << 62)
        for pattern in adapters.targets.isEmpty ? task.adapterTargets : adapters.targets {
            try task.model.addLoRA(
                matching: pattern, rank: adapters.rank, alpha: adapters.alpha, dropout: adapters.dropout,
                using: &random)
        }
    }

    static func goal(of task: Task, _ settings: TrainingSettings) throws(KuklaError) -> MetricGoal? {
        guard let stopping = settings.earlyStopping else { return task.goal }
        guard let name = stopping.metric ?? task.goal?.name else {
            throw KuklaError(
                .usage,
                "The recipe's early_stopping names no metric, and the method has no main one: give 'metric'.")
        }
        let own = task.goal.flatMap { $0.name == name ? $0.mode : nil }
        return MetricGoal(name, stopping.mode ?? own ?? (name.hasSuffix("loss") ? .min : .max))
    }

    static func freeze(_ patterns: [String], in model: some Module) throws(KuklaError) {
        for pattern in patterns where model.setTrainable(false, matching: pattern) == 0 {
            let paths = model.parameters.map(\.path)
            let nearest = EditDistance.nearest(to: pattern, among: paths) ?? ""
            throw KuklaError(
                .usage,
                "The recipe's freeze pattern '\(pattern)' matches none of the model's \(paths.count) parameters; the "
                    + "nearest path is '\(nearest)'.")
        }
        guard !model.trainableParameters.isEmpty else {
            throw KuklaError(
                .usage, "Cannot train: all parameters are frozen; the recipe's 'freeze' leaves none.")
        }
    }
}
