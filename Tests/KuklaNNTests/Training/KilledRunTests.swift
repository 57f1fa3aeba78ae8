import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Kills a real process with SIGKILL at random moments, starts it again until it is done, and compares with a run that was
/// left alone.
@Suite struct KilledRunTests {
    private static let variable = "KUKLA_TEST_KILLED_RUN"
    private static let recipe = ResumeTests.demanding.replacing("epochs: 6", with: "steps: 240")

    /// The process that is killed: this test bundle, told by an environment variable to run this alone.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] != nil))
    func killedRunChild() throws {
        let folder = try #require(ProcessInfo.processInfo.environment[Self.variable])
        _ = try TrainingRun(URL(fileURLWithPath: folder), recipe: ResumeTests.recipe(Self.recipe))
            .train(SlowTask(toy: ToyTask(width: 64)))
    }

    /// As long a step as it takes to be hit in one.
    private struct SlowTask: TrainingTask {
        let toy: ToyTask
        var model: ToyTask.Network { toy.model }
        var exampleCount: Int { toy.exampleCount }
        var goal: MetricGoal? { toy.goal }

        func makeBatch(_ indices: [Int], random: inout RandomSource) -> [Int] {
            toy.makeBatch(indices, random: &random)
        }
        func step(on batch: [Int], mode: ForwardMode) throws(KuklaError) -> TrainingStep {
            usleep(1000)
            return try toy.step(on: batch, mode: mode)
        }
        func evaluate() -> [String: Double] { toy.evaluate() }
    }

    private func start(_ folder: URL) throws -> Process {
        let process = Process.test("killedRunChild", environment: [Self.variable: folder.path])
        try process.run()
        return process
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `a run that is killed again and again gives the bits of one that is not`() throws {
        let whole = try TemporaryFolder()
        _ = try TrainingRun(whole.url, recipe: ResumeTests.recipe(Self.recipe)).train(ToyTask(width: 64))

        let killed = try TemporaryFolder()
        var random = SystemRandomNumberGenerator()
        var kills = 0
        var reached: [Int] = []
        while true {
            let process = try start(killed.url)
            // The first moments go by until the process trains; the last tries are left alone, so that this ends.
            let moment = Double.random(in: 0.02...0.6, using: &random)
            let deadline = Date(timeIntervalSinceNow: kills < 12 ? moment : 60)
            while process.isRunning && Date() < deadline { usleep(500) }
            let isDone = !process.isRunning
            if !isDone { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            if isDone {
                #expect(process.terminationReason == .exit && process.terminationStatus == 0)
                break
            }
            kills += 1
            try #require(kills < 14)
            let log = killed.url.appending(path: "metrics.jsonl")
            reached.append((try? MetricsLog.lines(of: log).last?.step) ?? 0)
        }
        #expect(kills >= 2, "killed at steps \(reached)")
        #expect(reached.contains { $0 > 0 }, "killed at steps \(reached)")
        #expect(
            try ResumeTests.lines(killed.url) == ResumeTests.lines(whole.url), "killed at steps \(reached)")
        #expect(try ResumeTests.weights(killed.url) == ResumeTests.weights(whole.url), "killed at \(reached)")
        #expect(killed.contents == whole.contents)
    }
}
