import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

/// A run that goes on must not be told apart from one that never stopped.
@Suite struct ResumeTests {
    /// Everything that a checkpoint must bring back plays a part in it.
    static let demanding = """
        epochs: 6
        batch_size: 4
        accumulation: 3
        optimizer: adamw
        learning_rate: 0.02
        weight_decay: 0.1
        schedule: {name: cosine, warmup_steps: 5}
        clip_norm: 0.5
        ema: 0.9
        log_every: 2
        evaluate_every: 7
        checkpoint_every: 5

        """

    static func recipe(_ yaml: String = demanding) throws -> Recipe<NoOptions> {
        var recipe = Recipe(options: NoOptions())
        try recipe.read(yaml: yaml)
        return recipe
    }

    /// The lines of a run's log without what the clock decides.
    static func lines(_ folder: URL) throws -> [MetricsLine] {
        try MetricsLog.lines(of: folder.appending(path: "metrics.jsonl")).map { line in
            var line = line
            line.seconds = 0
            if case .training(var means) = line.content {
                means.examplesPerSecond = 0
                line.content = .training(means)
            }
            return line
        }
    }

    static func weights(_ folder: URL) throws -> [Data] {
        let newest = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "checkpoints").path)
                .max())
        let files = ["model", "optimizer", "ema"].map { "checkpoints/\(newest)/\($0)" } + ["best/model"]
        return try files.map {
            try Data(contentsOf: folder.appending(path: "\($0).safetensors"))
        }
    }

    @Test func `a run that is stopped after every step and goes on gives the same bits`() throws {
        let whole = try TemporaryFolder()
        let summary = try TrainingRun(whole.url, recipe: Self.recipe()).train(ToyTask())
        #expect(summary.step == 26)  // 13 batches an epoch, 3 a step, 6 epochs

        let parts = try TemporaryFolder()
        var steps: [Int] = []
        while steps.last != 26 && steps.count < 40 {
            let part = try TrainingRun(parts.url, recipe: Self.recipe()).train(ToyTask()) { true }
            steps.append(part.step)
            #expect(part.reason == (part.step == 26 ? .finished : .cancelled))
        }
        #expect(steps == Array(1...26))
        #expect(try Self.lines(parts.url) == Self.lines(whole.url))
        #expect(try Self.weights(parts.url) == Self.weights(whole.url))
    }

    @Test func `weights come from the checkpoint, not from the model that is given`() throws {
        let folder = try TemporaryFolder()
        let first = ToyTask()
        _ = try TrainingRun(folder.url, recipe: Self.recipe()).train(first)
        let second = ToyTask()
        for named in second.model.parameters { named.parameter.value = Tensor.ones(named.parameter.shape) }
        let summary = try TrainingRun(folder.url, recipe: Self.recipe()).train(second)
        #expect(summary.reason == .finished)
        #expect(summary.step == 26)
        for (a, b) in zip(first.model.parameters, second.model.parameters) {
            #expect(a.parameter.value.elements == b.parameter.value.elements, "\(a.path)")
        }
    }

    @Test func `adapters of a recipe are trained in place of the model, and come back`() throws {
        let recipe = try Self.recipe(Self.demanding + "lora: {rank: 2, targets: second}")
        let whole = try TemporaryFolder()
        let task = ToyTask()
        let before = task.model.second.weight.value.elements
        _ = try TrainingRun(whole.url, recipe: recipe).train(task)
        #expect(task.model.second.weight.value.elements == before)
        #expect(task.model.adaptedLayers.map(\.path) == ["second"])

        let parts = try TemporaryFolder()
        var step = 0
        while step < 26 {
            let part = try TrainingRun(parts.url, recipe: recipe).train(ToyTask()) { true }
            try #require(part.step == step + 1)
            step = part.step
        }
        #expect(try Self.lines(parts.url) == Self.lines(whole.url))
        #expect(try Self.weights(parts.url) == Self.weights(whole.url))
    }

    @Test func `a run goes on for more epochs`() throws {
        let folder = try TemporaryFolder()
        var recipe = try Self.recipe("optimizer: sgd\nepochs: 2\nbatch_size: 10\nschedule: constant")
        #expect(try TrainingRun(folder.url, recipe: recipe).train(ToyTask()).step == 10)
        recipe.training.length = .epochs(3)
        recipe.training.logEvery = 1
        #expect(try TrainingRun(folder.url, recipe: recipe).train(ToyTask()).step == 15)
        let written = try String(contentsOf: folder.url.appending(path: "recipe.yaml"), encoding: .utf8)
        #expect(written.contains("epochs: 3\n"))
    }

    @Test func `a changed recipe is refused by its first key that differs`() throws {
        let folder = try TemporaryFolder()
        var recipe = try Self.recipe()
        _ = try TrainingRun(folder.url, recipe: recipe)
        recipe.training.optimizer.beta1 = 0.8
        recipe.training.learningRate = 1
        let refusal = error { try TrainingRun(folder.url, recipe: recipe) }
        #expect(refusal.code == .usage)
        #expect(refusal.message.contains("optimizer.beta1: 0.9, this one 0.8"), "\(refusal)")
        #expect(try TrainingRun(folder.url, recipe: recipe, isFresh: true).latestCheckpoint == nil)
        _ = try TrainingRun(folder.url, recipe: recipe)
    }

    @Test func `a checkpoint of another model names the first parameter with both shapes`() throws {
        let folder = try TemporaryFolder()
        _ = try TrainingRun(folder.url, recipe: Self.recipe()).train(ToyTask(width: 6))
        let refusal = error { try TrainingRun(folder.url, recipe: Self.recipe()).train(ToyTask(width: 7)) }
        #expect(refusal.code == .badData)
        for word in ["first.weight", "[7, 4]", "[6, 4]"] {
            #expect(refusal.message.contains(word), "\(refusal)")
        }
    }

    @Test func `other examples than before are noticed where they are fewer`() throws {
        let folder = try TemporaryFolder()
        let run = try TrainingRun(folder.url, recipe: Self.recipe("optimizer: sgd\nsteps: 9\nbatch_size: 5"))
        _ = try run.train(ToyTask()) { true }
        _ = try run.train(ToyTask()) { true }
        let refusal = error { try run.train(ToyTask(examples: 5)) }
        #expect(refusal.message.contains("batch 2 of epoch 0, but there are 1"), "\(refusal)")
    }

    @Test func `two runs do not share a folder`() throws {
        let folder = try TemporaryFolder()
        let run = try TrainingRun(folder.url, recipe: Self.recipe())
        let refusal = error { try TrainingRun(folder.url, recipe: Self.recipe()) }
        #expect(refusal.message.contains("another process is training there"))
        withExtendedLifetime(run) {}
    }

    @Test func `what a kill leaves behind is cleared away`() throws {
        let folder = try TemporaryFolder()
        let run = { try TrainingRun(folder.url, recipe: Self.recipe()) }
        _ = try run().train(ToyTask()) { true }
        let before = folder.contents
        // A checkpoint half written, a line half written, a line of a step that was lost, a folder that had stepped aside.
        let half = folder.url.appending(path: "checkpoints/.step-00000002.1-1.tmp")
        try FileManager.default.createDirectory(at: half, withIntermediateDirectories: true)
        try Data([1]).write(to: half.appending(path: "model.safetensors"))
        let log = try FileHandle(forWritingTo: folder.url.appending(path: "metrics.jsonl"))
        try log.seekToEnd()
        try log.write(
            contentsOf: Data("{\"step\":2,\"epoch\":1,\"loss\":1,\"losses\":{}}\n{\"step\":3,\"ep".utf8))
        _ = try run()
        #expect(folder.contents == before)
        #expect(try run().train(ToyTask()) { true }.step == 2)
        #expect(try Self.lines(folder.url).map(\.step) == [2])
    }

    @Test func `a state that cannot be read is named`() throws {
        let folder = try TemporaryFolder()
        _ = try TrainingRun(folder.url, recipe: Self.recipe()).train(ToyTask()) { true }
        let state = folder.url.appending(path: "checkpoints/step-00000001/state.json")
        try Data("{}".utf8).write(to: state)
        let bad = error { try TrainingRun(folder.url, recipe: Self.recipe()).train(ToyTask()) }
        #expect(bad.code == .badData && bad.message.contains("state.json"))
        try FileManager.default.removeItem(at: state)
        let missing = error { try TrainingRun(folder.url, recipe: Self.recipe()).train(ToyTask()) }
        #expect(missing.code == .missingFile && missing.message.contains("step-00000001"))
    }
}
