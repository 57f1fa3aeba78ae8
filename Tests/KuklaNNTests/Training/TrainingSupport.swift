import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Synchronization
import Testing

/// A folder of its own for one test.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "kukla-training-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Paths of all files and folders in it, hidden ones too.
    var contents: [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []).sorted()
    }
}

/// The `KuklaError` that `body` throws.
func error<Result>(
    of body: () throws -> Result, sourceLocation: SourceLocation = #_sourceLocation
) -> KuklaError {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as KuklaError {
        return error
    } catch {
        Issue.record("\(error) is no KuklaError", sourceLocation: sourceLocation)
    }
    return KuklaError(.cancelled, "")
}

/// Remembers what it hears.
final class HeardProgress: ProgressReporter {
    private let heard = Mutex<[String]>([])
    var events: [String] { heard.withLock { $0 } }

    func begin(_ task: String, total: Int?, unit: String) {
        heard.withLock { $0.append("begin \(task) \(total ?? -1) \(unit)") }
    }
    func advance(by count: Int) {}
    func show(_ state: String) { heard.withLock { $0.append("show \(state)") } }
    func announce(_ event: String) { heard.withLock { $0.append("announce \(event)") } }
    func end() { heard.withLock { $0.append("end") } }
}

/// Two layers with random noise between (in the place of dropout) that learn a linear map: everything that a run must
/// bring back has a part in its losses.
struct ToyTask: TrainingTask {
    struct Network: Module {
        let first: Linear
        let second: Linear

        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("first", first)
            visitor.visit("second", second)
        }
    }

    let model: Network
    let inputs: Tensor
    let targets: Tensor
    /// The step at which the loss `kl` is no number.
    var stepOfNaN: Int?
    /// The step at which the gradient is no number although all losses are.
    var stepOfNaNGradient: Int?
    /// What `evaluate` gives, in turn; its own measure where that is empty.
    var evaluations: [Double] = []
    let evaluated = Counter()
    let steps = Counter()

    init(width: Int = 6, examples: Int = 50, seed: UInt64 = 3) {
        var random = RandomSource(seed: seed)
        model = Network(first: Linear(4, width, using: &random), second: Linear(width, 2, using: &random))
        inputs = Tensor.normal([examples, 4], using: &random)
        targets = Linear(4, 2, using: &random)(inputs).detached
    }

    var exampleCount: Int { inputs.shape[0] }
    var goal: MetricGoal? { MetricGoal("error", .min) }

    func makeBatch(_ indices: [Int], random: inout RandomSource) -> [Int] {
        // One example is drawn, so that the batch's source matters.
        indices.dropLast() + [Int.random(in: 0..<exampleCount, using: &random)]
    }

    func step(on batch: [Int], mode: ForwardMode) throws(KuklaError) -> TrainingStep {
        let x = Self.rows(batch, of: inputs)
        let y = Self.rows(batch, of: targets)
        var hidden = model.first(x)
        if case .training(let stream) = mode {
            let shape = hidden.shape
            hidden = hidden + stream.draw { Tensor.normal(shape, deviation: 0.1, using: &$0) }
        }
        let error = model.second(hidden) - y
        let fit = (error * error).mean()
        var size = (hidden * hidden).mean()
        if let stepOfNaN, steps.next() == stepOfNaN { size = size * .nan }
        if let stepOfNaNGradient, steps.next() == stepOfNaNGradient {
            // The slope of the root is infinite at 0, and 0 times that no number.
            size = size + (hidden * 0).sum().sqrt()
        }
        return TrainingStep([("fit", fit, 1), ("kl", size, 0.01)])
    }

    func evaluate() -> [String: Double] {
        let turn = evaluated.next() - 1
        if !evaluations.isEmpty { return ["error": evaluations[min(turn, evaluations.count - 1)]] }
        let error = model.second(model.first(inputs)) - targets
        return ["error": Double((error * error).mean().item), "scale": 1]
    }

    private static func rows(_ indices: [Int], of table: Tensor) -> Tensor {
        let width = table.shape[1]
        let all = table.elements
        return Tensor(
            shape: [indices.count, width], elements: indices.flatMap { all[$0 * width..<($0 + 1) * width] })
    }
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
