import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct StoppingTests {
    private func recipe(_ yaml: String) throws -> Recipe<NoOptions> {
        try ResumeTests.recipe("optimizer: sgd\nlearning_rate: 0.02\nbatch_size: 10\n" + yaml)
    }

    @Test func `a run that no longer improves stops, and keeps the best weights`() throws {
        let folder = try TemporaryFolder()
        var task = ToyTask()
        task.evaluations = [0.9, 0.5, 0.7, 0.5, 0.6, 0.1]
        let run = try TrainingRun(
            folder.url, recipe: recipe("epochs: 9\nevaluate_every: 2\nearly_stopping: {patience: 3}"))
        let summary = try run.train(task)
        #expect(summary.reason == .stoppedEarly)
        #expect(summary.step == 10)
        #expect(summary.best?.step == 4)
        #expect(summary.best?.value == 0.5)
        // What is done stays done.
        let again = try run.train(ToyTask())
        #expect(again.reason == .stoppedEarly && again.step == 10 && again.best == summary.best)

        // The weights of step 4, not the last.
        let other = try TemporaryFolder()
        let reference = ToyTask()
        _ = try TrainingRun(other.url, recipe: recipe("epochs: 9\nevaluate_every: 2")).train(reference) {
            reference.steps.next() == 4
        }
        let best = ToyTask()
        #expect(try run.loadBest(into: best.model) == summary.best)
        for (a, b) in zip(best.model.parameters, reference.model.parameters) {
            #expect(a.parameter.value.elements == b.parameter.value.elements, "\(a.path)")
        }
    }

    @Test func `a small change is no improvement where the recipe says so`() throws {
        let folder = try TemporaryFolder()
        var task = ToyTask()
        task.evaluations = [0.5, 0.49, 0.48]
        let yaml = "steps: 9\nevaluate_every: 1\nearly_stopping: {patience: 2, min_change: 0.1}"
        #expect(try TrainingRun(folder.url, recipe: recipe(yaml)).train(task).step == 3)
    }

    @Test func `more may be better`() throws {
        let folder = try TemporaryFolder()
        var task = ToyTask()
        task.evaluations = [0.5, 0.6, 0.4]
        let yaml = "steps: 3\nevaluate_every: 1\nearly_stopping: {mode: max}"
        #expect(try TrainingRun(folder.url, recipe: recipe(yaml)).train(task).best?.value == 0.6)
    }

    @Test func `a metric that is not there is named with the nearest`() throws {
        let folder = try TemporaryFolder()
        let yaml = "steps: 3\nearly_stopping: {metric: eror}"
        let refusal = error { try TrainingRun(folder.url, recipe: recipe(yaml)).train(ToyTask()) }
        #expect(refusal.code == .usage)
        #expect(refusal.message.contains("'eror'") && refusal.message.contains("did you mean 'error'"))
    }

    @Test func `a loss that is no number stops the run by step and name`() throws {
        let folder = try TemporaryFolder()
        var task = ToyTask()
        task.stepOfNaN = 8
        let run = try TrainingRun(folder.url, recipe: recipe("steps: 20\ncheckpoint_every: 3"))
        let stop = error { try run.train(task) }
        #expect(stop.code == .badData)
        for word in ["at step 8", "the loss 'kl' is nan", "fit is ", "The checkpoint of step 6 stays"] {
            #expect(stop.message.contains(word), "\(stop)")
        }
        #expect(run.latestCheckpoint?.step == 6)
        // It can go on from there.
        #expect(try run.train(ToyTask()).step == 20)
    }

    @Test(arguments: ["", "clip_norm: 1\n"])
    func `a gradient that is no number stops the run before it is in the weights`(_ clipping: String) throws {
        let folder = try TemporaryFolder()
        var task = ToyTask()
        task.stepOfNaNGradient = 5
        let run = try TrainingRun(
            folder.url, recipe: recipe(clipping + "steps: 20\ncheckpoint_every: 2\nlog_every: 10"))
        let stop = error { try run.train(task) }
        #expect(stop.code == .badData)
        for word in ["at step 5", "gradient is not finite", "The checkpoint of step 4 stays"] {
            #expect(stop.message.contains(word), "\(stop)")
        }
        #expect(task.model.parameters.allSatisfy { $0.parameter.value.elements.allSatisfy(\.isFinite) })
    }

    @Test func `weights that are no numbers are not saved`() throws {
        let folder = try TemporaryFolder()
        let task = ToyTask()
        let run = try TrainingRun(
            folder.url, recipe: recipe("steps: 20\nevaluate_every: 30\ncheckpoint_every: 2"))
        let stop = error {
            try run.train(task) {
                if task.steps.next() == 4 {
                    task.model.second.bias?.value = Tensor([.nan, 0])
                }
                return false
            }
        }
        #expect(stop.code == .badData)
        #expect(stop.message.contains("at step 4") && stop.message.contains("'second.bias'"), "\(stop)")
        #expect(run.latestCheckpoint?.step == 2)
    }

    @Test func `frozen parameters stay, and a pattern that freezes nothing is refused`() throws {
        let folder = try TemporaryFolder()
        let task = ToyTask()
        let before = task.model.first.weight.value.elements
        _ = try TrainingRun(folder.url, recipe: recipe("steps: 5\nfreeze: first.*")).train(task)
        #expect(task.model.first.weight.value.elements == before)
        #expect(task.model.second.weight.value.elements != ToyTask().model.second.weight.value.elements)

        let other = try TemporaryFolder()
        let none = error {
            try TrainingRun(other.url, recipe: recipe("freeze: frist.weight")).train(ToyTask())
        }
        #expect(none.code == .usage && none.message.contains("nearest path is 'first.weight'"))
        let third = try TemporaryFolder()
        let all = error { try TrainingRun(third.url, recipe: recipe("freeze: '*'")).train(ToyTask()) }
        #expect(all.code == .usage && all.message.contains("all parameters are frozen"))
    }

    @Test func `old checkpoints go, the newest stay`() throws {
        let folder = try TemporaryFolder()
        _ = try TrainingRun(folder.url, recipe: recipe("steps: 9\ncheckpoint_every: 1\nkeep: 3")).train(
            ToyTask())
        let names = try FileManager.default.contentsOfDirectory(
            atPath: folder.url.appending(path: "checkpoints").path)
        #expect(names.sorted() == ["step-00000007", "step-00000008", "step-00000009"])
    }

    @Test func `no examples are no training`() throws {
        let folder = try TemporaryFolder()
        let refusal = error {
            try TrainingRun(folder.url, recipe: recipe("steps: 1")).train(ToyTask(examples: 0))
        }
        #expect(refusal.code == .badData && refusal.message.contains("no batch"))
    }

    /// In a process of its own, since the limit on file sizes that stands for a full disk holds for the whole process.
    @Test func `a full disk at a checkpoint leaves the one before, and the run can go on`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.url.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let url = URL(fileURLWithPath: path)
            let recipe = try ResumeTests.recipe(
                "optimizer: sgd\nlearning_rate: 0.02\nsteps: 9\ncheckpoint_every: 3\nevaluate_every: 9")
            signal(SIGXFSZ, SIG_IGN)
            let task = ToyTask(width: 600)
            let run = try TrainingRun(url, recipe: recipe)
            let stop = error {
                try run.train(task) {
                    if task.steps.next() == 5 {
                        var limit = rlimit()
                        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                        limit.rlim_cur = 8192
                        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                    }
                    return false
                }
            }
            #expect(stop.code == .inputOutput, "\(stop)")
            #expect(stop.message.contains("checkpoint of step 6"), "\(stop)")
            #expect(stop.message.contains("The checkpoint of step 3 stays"), "\(stop)")
            #expect(run.latestCheckpoint?.step == 3)
            let names = try FileManager.default.contentsOfDirectory(
                atPath: url.appending(path: "checkpoints").path)
            #expect(names == ["step-00000003"], "\(names)")
        }
        let recipe = try ResumeTests.recipe(
            "optimizer: sgd\nlearning_rate: 0.02\nsteps: 9\ncheckpoint_every: 3\nevaluate_every: 9")
        #expect(try TrainingRun(folder.url, recipe: recipe).train(ToyTask(width: 600)).step == 9)
    }
}
