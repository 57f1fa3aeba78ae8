import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct TrainingRunTests {
    static func recipe(_ yaml: String = "") throws -> Recipe<NoOptions> {
        var recipe = Recipe(options: NoOptions())
        try recipe.read(
            yaml: "optimizer: sgd\nlearning_rate: 0.05\nbatch_size: 8\nlog_every: 3\nclip_norm: 5\n" + yaml)
        return recipe
    }

    @Test func `a run leaves recipe, log, picture, checkpoint and best weights`() throws {
        let folder = try TemporaryFolder()
        let task = ToyTask()
        let progress = HeardProgress()
        let run = try TrainingRun(folder.url, recipe: Self.recipe("epochs: 20"))
        let summary = try run.train(task, progress: progress)
        #expect(summary.reason == .finished)
        #expect(summary.step == 140)
        #expect(summary.epoch == 20)
        let lines = try MetricsLog.lines(of: folder.url.appending(path: "metrics.jsonl"))
        #expect(lines.map(\.step).max() == 140)
        #expect(summary.metrics["error"] ?? 1 < 0.05)
        #expect(run.best?.evaluation == summary.best)
        #expect(
            folder.contents.filter { !$0.hasPrefix("checkpoints/step-00000133") } == [
                "best", "best/best.json", "best/model.safetensors", "checkpoints",
                "checkpoints/step-00000140",
                "checkpoints/step-00000140/model.safetensors",
                "checkpoints/step-00000140/optimizer.safetensors",
                "checkpoints/step-00000140/state.json",
                "loss.svg", "metrics.jsonl", "recipe.yaml",
            ])
        #expect(progress.events.first == "begin training 140 steps")
        #expect(progress.events.contains { $0.hasPrefix("show loss ") && $0.contains(" fit ") })
        #expect(progress.events.contains { $0.hasPrefix("announce step 7: error ") })
    }
    @Test func `where weights are averaged, the averages are what a run leaves in the model`() throws {
        let folder = try TemporaryFolder()
        let task = ToyTask()
        let run = try TrainingRun(folder.url, recipe: Self.recipe("epochs: 2\nema: 0.9"))
        _ = try run.train(task)
        let checkpoint = try #require(run.latestCheckpoint).url
        let averages = try SafetensorsFile(checkpoint.appending(path: "ema.safetensors"))
        let last = try SafetensorsFile(checkpoint.appending(path: "model.safetensors"))
        for named in task.model.parameters {
            let (path, found) = (named.path, named.parameter.value.elements)
            #expect(try found == averages.floats(named: "average.\(path)"))
            #expect(try found != last.floats(named: path))
        }
    }
}
